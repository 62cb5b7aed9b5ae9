package control

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

const hang = 60 * time.Second // fires only if something hangs

// world is a control behind a door with these rules, and one who has a token for it.
type world struct {
	*door
	log    lines
	target bearer.Target
}

// lines counts what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), "\n")
}

func behindDoor(t *testing.T, r rules) *world {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{TrustDomain: "td", Socket: filepath.Join(dir, "s"), Mesh: filepath.Join(dir, "mesh.yaml"), Tokens: []bearer.Grant{{Token: "x", Node: "n1"}}}
	c, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{target: bearer.Target{Address: l.Addr().String(), Roots: filepath.Join(dir, "roots"), Token: filepath.Join(dir, "token")}}
	w.door = newDoor(l, r, slog.New(slog.NewTextHandler(&w.log, nil)))
	for path, text := range map[string][]byte{w.target.Roots: c.ca.RootsPEM(), w.target.Token: []byte("x")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, c.server(grpc.Creds(credentials.NewTLS(c.ca.Serving("127.0.0.1")))), w.door)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w
}

// client is one who has a token; ask makes a call.
func (w *world) client(t *testing.T) (ask func() error) {
	t.Helper()
	conn, err := bearer.Dial(w.target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() error {
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
}

// stranger connects from an address of this machine.
func (w *world) stranger(t *testing.T, from string) net.Conn {
	t.Helper()
	c, err := w.dial(from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (w *world) dial(from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: hang}
	return d.Dial("tcp", w.target.Address)
}

// wantRefused connects, and is sent a reset, perhaps while it still looks at what it got.
func (w *world) wantRefused(t *testing.T, from string) {
	t.Helper()
	c, err := w.dial(from)
	if errors.Is(err, unix.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantEnd(t, c)
}

func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(hang))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection stays open")
	}
}

func (w *world) has() [2]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return [2]int{w.all, w.sum}
}

// await waits until the door has so many connections, of which so many are strangers.
func (w *world) await(t *testing.T, all, strangers int) {
	t.Helper()
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		got := w.has()
		if got == [2]int{all, strangers} {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("connections, and strangers of them: %v; want %d and %d", got, all, strangers)
		}
	}
}

// Strangers of one address, and of all, are refused beyond their number; whoever is known is not held up by them, and
// counts as none.
func TestStrangersAreFew(t *testing.T) {
	w := behindDoor(t, rules{all: 6, strangers: 3, oneSource: 2, patience: time.Hour})
	ask := w.client(t)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	w.await(t, 1, 0)
	first := w.stranger(t, "127.0.0.2")
	w.stranger(t, "127.0.0.2")
	w.await(t, 3, 2)
	for range 10 {
		w.wantRefused(t, "127.0.0.2")
	}
	w.stranger(t, "127.0.0.3") // another address has room
	w.await(t, 4, 3)
	w.wantRefused(t, "127.0.0.4") // there are enough of them
	if err := ask(); err != nil {
		t.Errorf("a known one, among strangers: %v", err)
	}
	first.Close()
	w.await(t, 3, 2)
	if err := w.client(t)(); err != nil {
		t.Errorf("where one has gone, the next: %v", err)
	}
	w.await(t, 4, 2)
	if got := w.shut.Load(); got != 11 {
		t.Errorf("%d refused are counted", got)
	}
	if got := w.log.count(); got != 1 {
		t.Errorf("%d lines say it", got)
	}
}

// The known have a bound, too.
func TestConnectionsAreBounded(t *testing.T) {
	w := behindDoor(t, rules{all: 2, strangers: 2, oneSource: 2, patience: time.Hour})
	for range 2 {
		if err := w.client(t)(); err != nil {
			t.Fatal(err)
		}
	}
	w.await(t, 2, 0)
	w.wantRefused(t, "127.0.0.2")
}

// Who says nothing, shakes no hands, makes no call, or one without a token, is sent away; who made one with it stays.
func TestStrangersAreSentAway(t *testing.T) {
	w := behindDoor(t, rules{all: 10, strangers: 10, oneSource: 10, patience: 200 * time.Millisecond})
	ask := w.client(t)
	for end := time.Now().Add(hang); ask() != nil || w.has() != [2]int{1, 0}; { // a slow machine may be a stranger for too long
		if time.Now().After(end) {
			t.Fatal("no call goes through")
		}
	}
	late := w.late.Load()
	wantEnd(t, w.stranger(t, "127.0.0.2"))
	shaken := tls.Client(w.stranger(t, "127.0.0.3"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	_ = shaken.Handshake() // it may be closed before it is done
	wantEnd(t, shaken)
	w.await(t, 1, 0) // the known one's time would have been over before
	if got := w.late.Load() - late; got != 2 {
		t.Errorf("%d strangers are counted as sent away", got)
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
}

func TestSource(t *testing.T) {
	for from, want := range map[string]string{
		"10.0.0.1:5": "10.0.0.1/32", "[::ffff:10.0.0.1]:5": "10.0.0.1/32", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "[fe80::1%lo]:5": "fe80::/64",
	} {
		a, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			t.Fatal(err)
		}
		if got := source(a).String(); got != want {
			t.Errorf("%s is of %s, want %s", from, got, want)
		}
	}
}
