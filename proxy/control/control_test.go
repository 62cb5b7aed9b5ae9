package control_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

const hang = 30 * time.Second // fires only if something hangs

func mustID(t testing.TB, s string) identity.ID {
	id, err := identity.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func testConfig(t testing.TB) control.Config {
	return control.Config{
		TrustDomain: "td",
		Socket:      filepath.Join(t.TempDir(), "ca.sock"),
		Tokens:      []bearer.Grant{{Token: "x", Identities: []identity.ID{mustID(t, "spiffe://td/ns/a/sa/b"), mustID(t, "spiffe://td/ns/a/sa/c")}}},
	}
}

// start runs a control until stop is called or the test ends.
func start(t testing.TB, cfg control.Config) (c *control.Control, stop func()) {
	t.Helper()
	c, err := control.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	awaitSocket(t, cfg.Socket, ended)
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	}
	t.Cleanup(stop)
	return c, stop
}

// awaitSocket waits until somebody accepts on the socket.
func awaitSocket(t testing.TB, socket string, ended <-chan error) {
	t.Helper()
	deadline := time.After(hang)
	for tick := time.NewTicker(time.Millisecond); ; {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			tick.Stop()
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("Run ended with %v", err)
		case <-deadline:
			t.Fatal("nobody serves the socket")
		case <-tick.C:
		}
	}
}

func newIssuer(t testing.TB, cfg control.Config, token, id string) *issuer.Issuer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := caclient.New(caclient.Config{Socket: cfg.Socket, Token: file}, caclient.Itself)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { signer.Close() })
	i := issuer.New(mustID(t, id), signer, issuer.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return i
}

// TestEndToEnd: two workloads get their SVIDs from a control by its socket and shake hands.
func TestEndToEnd(t *testing.T) {
	cfg := testConfig(t)
	start(t, cfg)
	server := newIssuer(t, cfg, "x", "spiffe://td/ns/a/sa/b")
	client := newIssuer(t, cfg, "x", "spiffe://td/ns/a/sa/c")
	for _, i := range []*issuer.Issuer{server, client} {
		select {
		case <-i.Ready():
		case <-time.After(hang):
			t.Fatalf("no SVID for %s", i.ID())
		}
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", identity.ServerTLS(server))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peers := make(chan string, 1)
	go acceptOne(l, peers)
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(hang))
	if err := tls.Client(raw, identity.ClientTLS(client, []identity.ID{server.ID()})).Handshake(); err != nil {
		t.Fatal(err)
	}
	if peer := <-peers; peer != client.ID().String() {
		t.Errorf("the server's peer is %s", peer)
	}
}

func acceptOne(l net.Listener, peers chan<- string) {
	c, err := l.Accept()
	if err != nil {
		peers <- err.Error()
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(hang))
	if err := c.(*tls.Conn).Handshake(); err != nil {
		peers <- err.Error()
		return
	}
	id, err := identity.PeerID(c.(*tls.Conn).ConnectionState())
	if err != nil {
		peers <- err.Error()
		return
	}
	peers <- id.String()
}

func TestRootOutlivesARestart(t *testing.T) {
	for _, test := range []struct {
		dir  string
		same bool
	}{{filepath.Join(t.TempDir(), "ca"), true}, {"", false}} {
		cfg := testConfig(t)
		cfg.CADir = test.dir
		first, stop := start(t, cfg)
		stop()
		second, stop := start(t, cfg)
		stop()
		if bytes.Equal(first.CA().Roots()[0], second.CA().Roots()[0]) != test.same {
			t.Errorf("caDir %q: same root %v, want %v", test.dir, !test.same, test.same)
		}
	}
}

func TestSocketMode(t *testing.T) {
	for _, test := range []struct {
		mode control.Mode
		want fs.FileMode
	}{{0, 0o600}, {0o666, 0o666}} {
		cfg := testConfig(t)
		cfg.SocketMode = test.mode
		_, stop := start(t, cfg)
		awaitMode(t, cfg.Socket, test.want)
		stop()
		if entries, err := os.ReadDir(filepath.Dir(cfg.Socket)); err != nil || len(entries) != 0 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

// awaitMode waits for a mode that is set soon after the socket appeared; it must not be wider before.
func awaitMode(t testing.TB, path string, want fs.FileMode) {
	t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); {
		st, err := os.Stat(path)
		switch {
		case err != nil || st.Mode().Perm()&^want != 0:
			t.Fatalf("mode %v, %v; want %o", st.Mode(), err, want)
		case st.Mode().Perm() == want:
			return
		}
	}
	t.Fatalf("the mode did not become %o", want)
}

// stale leaves a socket as a control that was killed does.
func stale(t testing.TB, path string) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestStaleSocketIsRemoved(t *testing.T) {
	cfg := testConfig(t)
	stale(t, cfg.Socket)
	start(t, cfg)
}

func TestSocketThatIsTaken(t *testing.T) {
	fails := func(cfg control.Config, want error) {
		t.Helper()
		c, err := control.New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), hang) // should it serve after all
		defer cancel()
		err = c.Run(ctx)
		if at, ok := errors.AsType[*control.SocketError](err); !ok || !at.Misuse() || at.Path != cfg.Socket || !errors.Is(err, want) {
			t.Errorf("Run ended with %v; want a *SocketError because %v", err, want)
		}
	}
	cfg := testConfig(t)
	_, stop := start(t, cfg)
	fails(cfg, control.ErrInUse)
	awaitSocket(t, cfg.Socket, nil) // the first one still serves
	stop()

	if err := os.WriteFile(cfg.Socket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(cfg, control.ErrNotSocket)
	if text, err := os.ReadFile(cfg.Socket); err != nil || string(text) != "precious" {
		t.Errorf("the file at the path is now %q, %v", text, err)
	}

	cfg = testConfig(t)
	dir, err := os.Open(filepath.Dir(cfg.Socket))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	fails(cfg, control.ErrStarting)

	cfg.Socket = filepath.Join(cfg.Socket, "no", "such", "directory")
	fails(cfg, fs.ErrNotExist)
}

// TestStartTogether: of several controls on one stale socket exactly one serves, and the others leave it alone.
func TestStartTogether(t *testing.T) {
	cfg := testConfig(t)
	stale(t, cfg.Socket)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const n = 8
	ended := make(chan error, n)
	for range n {
		c, err := control.New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- c.Run(ctx) }()
	}
	for range n - 1 {
		select {
		case err := <-ended:
			if !errors.Is(err, control.ErrInUse) && !errors.Is(err, control.ErrStarting) {
				t.Errorf("a loser ended with %v", err)
			}
		case <-time.After(hang):
			t.Fatal("more than one control serves")
		}
	}
	awaitSocket(t, cfg.Socket, ended)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the winner ended with %v", err)
	}
}

func TestUnreadableCA(t *testing.T) {
	cfg := testConfig(t)
	cfg.CADir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.CADir, "ca.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.New(cfg, nil); err == nil || !strings.Contains(err.Error(), cfg.CADir) {
		t.Errorf("%v; want an error that names the file", err)
	}
}

// TestIssuedFile: the file of the config has a line for what was signed over the socket.
func TestIssuedFile(t *testing.T) {
	cfg := testConfig(t)
	cfg.Issued = filepath.Join(t.TempDir(), "issued.jsonl")
	_, stop := start(t, cfg)
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	select {
	case <-newIssuer(t, cfg, "x", id.String()).Ready():
	case <-time.After(hang):
		t.Fatal("no SVID")
	}
	stop()
	f, err := os.Open(cfg.Issued)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if all, err := ca.ReadIssued(f); err != nil || len(all) != 1 || all[0].Identity != id {
		t.Errorf("the file says %v, %v", all, err)
	}
}
