package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// payload is a stream of bytes that a seed determines.
func payload(seed uint64, size int) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return io.LimitReader(rand.NewChaCha8(key), int64(size))
}

func checksum(r io.Reader) ([32]byte, error) {
	h := sha256.New()
	_, err := io.Copy(h, struct{ io.Reader }{r})
	return [32]byte(h.Sum(nil)), err
}

// sendRandomly writes a payload in chunks of random sizes and half-closes.
func sendRandomly(c *net.TCPConn, seed uint64, size int) error {
	rnd := rand.New(rand.NewPCG(seed, 1))
	p := payload(seed, size)
	b := make([]byte, 100_000)
	for {
		n, err := io.ReadFull(p, b[:1+rnd.IntN(len(b))>>rnd.IntN(16)])
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
		if err != nil {
			return c.CloseWrite()
		}
	}
}

// exchange sends one payload each way at the same time and compares checksums.
func exchange(client, server *net.TCPConn, seed uint64, up, down int) error {
	var g sync.WaitGroup
	errs := make([]error, 4)
	g.Go(func() { errs[0] = sendRandomly(client, seed, up) })
	g.Go(func() { errs[1] = sendRandomly(server, ^seed, down) })
	g.Go(func() { errs[2] = receive(server, seed, up) })
	g.Go(func() { errs[3] = receive(client, ^seed, down) })
	g.Wait()
	return errors.Join(errs...)
}

func receive(c *net.TCPConn, seed uint64, size int) error {
	got, err := checksum(c)
	if err != nil {
		return err
	}
	if want, _ := checksum(payload(seed, size)); got != want {
		return fmt.Errorf("checksum of seed %d, %d bytes differs", seed, size)
	}
	return nil
}

// Conformance 109: every byte, whatever the pieces.
func TestRelayMovesEveryByte(t *testing.T) {
	eachPath(t, func(t *testing.T, p *path) {
		sizes := []int{0, 1, 1000, 70_000, 300_000, 3 << 20, 12 << 20}
		for i, up := range sizes {
			client, server := p.ends()
			down := sizes[len(sizes)-1-i]
			if err := exchange(client, server, uint64(i), up, down); err != nil {
				t.Errorf("%d bytes up, %d down: %v", up, down, err)
			}
		}
		p.wantEnded(len(sizes), nil)
		for i, n := range p.counts {
			if up, down := n.AtoB.Load(), n.BtoA.Load(); up != int64(sizes[i]) || down != int64(sizes[len(sizes)-1-i]) {
				t.Errorf("relay %d counted %d and %d", i, up, down)
			}
		}
	})
}

// wantEnded waits until n relays have ended, all of them as check wants.
func (p *path) wantEnded(n int, check func(error) bool) {
	p.t.Helper()
	await(p.t, "the relays to end", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.errs) >= n
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, err := range p.errs {
		if check == nil && err != nil || check != nil && !check(err) {
			p.t.Errorf("relay returned %v", err)
		}
	}
}

func TestRelayHalfClose(t *testing.T) {
	eachPath(t, func(t *testing.T, p *path) {
		for _, first := range []string{"client", "server"} {
			one, two := p.ends()
			if first == "server" {
				one, two = two, one
			}
			say(t, one, "request")
			one.CloseWrite()
			hear(t, two, "request")
			say(t, two, "response") // the other direction is still open, and stays it
			say(t, two, " and more")
			two.CloseWrite()
			hear(t, one, "response and more")
		}
		p.wantEnded(2, nil)
	})
}

// Two ends that half-close at the same time have both finished: the FIN that leaves
// while the other is being read is no reset.
func TestRelayOfTwoHalfClosesAtOnce(t *testing.T) {
	const times = 300
	eachPath(t, func(t *testing.T, p *path) {
		for range times {
			client, server := p.ends()
			if err := exchange(client, server, 1, 1, 1); err != nil {
				t.Fatal(err)
			}
			client.Close()
			server.Close()
		}
		p.wantEnded(times, nil)
	})
}

func say(t *testing.T, c *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// hear reads until EOF.
func hear(t *testing.T, c *net.TCPConn, want string) {
	t.Helper()
	if b, err := io.ReadAll(c); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b, err, want)
	}
}

// hearSome reads as much as want is long.
func hearSome(t *testing.T, c *net.TCPConn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b, err, want)
	}
}

func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// wantConnReset reads until the connection is reset. One that has read EOF would
// go on reading it; the kernel knows more.
func wantConnReset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	if err == nil {
		raw, _ := c.SyscallConn()
		await(t, "the reset", func() (is bool) {
			raw.Control(func(fd uintptr) {
				code, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
				is = syscall.Errno(code) == syscall.ECONNRESET || syscall.Errno(code) == syscall.EPIPE
			})
			return is
		})
		return
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read ended with %v, want ECONNRESET", err)
	}
}

func TestRelayReset(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, one, two *net.TCPConn){
		"idle":              func(t *testing.T, one, two *net.TCPConn) {},
		"after bytes":       func(t *testing.T, one, two *net.TCPConn) { say(t, one, "x"); hearSome(t, two, "x") },
		"after own FIN":     func(t *testing.T, one, two *net.TCPConn) { one.CloseWrite(); hear(t, two, "") },
		"with bytes unread": func(t *testing.T, one, two *net.TCPConn) { say(t, two, "unread") },
	} {
		t.Run(name, func(t *testing.T) {
			eachPath(t, func(t *testing.T, p *path) {
				client, server := p.ends()
				before(t, client, server)
				reset(client)
				wantConnReset(t, server)
				client, server = p.ends()
				before(t, server, client)
				reset(server)
				wantConnReset(t, client)
				p.wantEnded(2, func(err error) bool { return err != nil })
			})
		})
	}
}

// A reset in the middle of a transfer ends the one who sends, and the one who receives.
func TestRelayResetUnderWay(t *testing.T) {
	for _, by := range []string{"sender", "receiver"} {
		t.Run(by, func(t *testing.T) {
			eachPath(t, func(t *testing.T, p *path) {
				from, to := p.ends()
				sent := make(chan error, 1)
				go func() {
					_, err := io.Copy(struct{ io.Writer }{from}, payload(1, 1<<40))
					sent <- err
				}()
				if _, err := io.CopyN(io.Discard, to, 5<<20); err != nil {
					t.Fatal(err)
				}
				if by == "sender" {
					reset(from)
					wantConnReset(t, to)
					<-sent
				} else {
					reset(to)
					if err := <-sent; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
						t.Errorf("the sender got %v", err)
					}
				}
				p.wantEnded(1, func(err error) bool { return err != nil })
			})
		})
	}
}

// A reader that stops stops the sender, and loses nothing.
func TestRelaySlowReader(t *testing.T) {
	eachPath(t, func(t *testing.T, p *path) {
		client, server := p.ends()
		const size = 64 << 20
		var sent atomic.Int64
		done := make(chan error, 1)
		go func() {
			_, err := io.Copy(&tally{client, &sent}, struct{ io.Reader }{payload(7, size)})
			done <- errors.Join(err, client.CloseWrite())
		}()
		held := standstill(t, &sent)
		if held >= size {
			t.Errorf("%d bytes were taken from a sender whose receiver reads nothing", held)
		}
		if err := receive(server, 7, size); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		server.CloseWrite()
		hear(t, client, "")
	})
}

type tally struct {
	w io.Writer
	n *atomic.Int64
}

func (w *tally) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.n.Add(int64(n))
	return n, err
}

// standstill waits until n, once above zero, has stood still for a while.
func standstill(t *testing.T, n *atomic.Int64) int64 {
	t.Helper()
	var last int64
	since := time.Now()
	await(t, "the sender to be stopped", func() bool {
		if now := n.Load(); now != last {
			last, since = now, time.Now()
		}
		return last > 0 && time.Since(since) > 300*time.Millisecond
	})
	return last
}

// A thousand at once, through tunnels of a hundred streams each.
func TestRelayThousandStreams(t *testing.T) {
	eachTunnel(t, func(t *testing.T, p *path) {
		const n = 1000
		var apps sync.WaitGroup
		apps.Go(func() { p.acceptMany(&apps, n) })
		gate := make(chan struct{}) // all are open before the first may end
		var open sync.WaitGroup
		open.Add(n)
		for seed := range uint64(n) {
			apps.Go(func() {
				if err := p.talk(seed, &open, gate); err != nil {
					t.Errorf("stream %d: %v", seed, err)
				}
			})
		}
		open.Wait()
		if s := p.pool.Stats(); s.Streams != n || s.Tunnels < n/100 || s.Tunnels > n/100+1 {
			t.Errorf("%d streams in %d tunnels", s.Streams, s.Tunnels)
		}
		close(gate)
		apps.Wait()
		p.wantEnded(n, nil)
	})
}

const talkSize = 40_000

// acceptMany answers n connections: a seed comes first, then the payload of it.
func (p *path) acceptMany(apps *sync.WaitGroup, n int) {
	for range n {
		c, err := p.server.AcceptTCP()
		if err != nil {
			p.t.Errorf("accept: %v", err)
			return
		}
		apps.Go(func() {
			defer c.Close()
			var b [8]byte
			if _, err := io.ReadFull(c, b[:]); err != nil {
				p.t.Errorf("server: %v", err)
				return
			}
			seed := binary.LittleEndian.Uint64(b[:])
			c.Write([]byte("!"))
			if err := errors.Join(receive(c, seed, talkSize), sendRandomly(c, ^seed, talkSize)); err != nil {
				p.t.Errorf("server of %d: %v", seed, err)
			}
		})
	}
}

func (p *path) talk(seed uint64, open *sync.WaitGroup, gate <-chan struct{}) error {
	c, err := net.DialTCP("tcp4", nil, p.entry.Addr().(*net.TCPAddr))
	if err != nil {
		open.Done()
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(relayHang))
	_, err = c.Write(binary.LittleEndian.AppendUint64(nil, seed))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	open.Done()
	if err != nil {
		return err
	}
	<-gate
	return errors.Join(sendRandomly(c, seed, talkSize), receive(c, ^seed, talkSize))
}

func TestRelayEndsWithItsContext(t *testing.T) {
	eachPath(t, func(t *testing.T, p *path) {
		client, server := p.ends()
		say(t, client, "x")
		hearSome(t, server, "x")
		p.cut()
		wantConnReset(t, client)
		wantConnReset(t, server)
		// In a chain the other relay's reset may be faster than the end of its own context.
		p.wantEnded(1, func(err error) bool { return err != nil })
	})
}

// The loss of a tunnel reaches both applications.
func TestRelayTunnelLost(t *testing.T) {
	eachTunnel(t, func(t *testing.T, p *path) {
		client, server := p.ends()
		say(t, client, "x")
		hearSome(t, server, "x")
		p.pool.Close()
		wantConnReset(t, client)
		wantConnReset(t, server)
	})
}

// The counts move while the connection is open.
func TestRelayCountsLive(t *testing.T) {
	eachPath(t, func(t *testing.T, p *path) {
		client, server := p.ends()
		say(t, client, "question")
		hearSome(t, server, "question")
		say(t, server, "ok")
		hearSome(t, client, "ok")
		await(t, "the counts", func() bool { return p.counts[0].AtoB.Load() == 8 && p.counts[0].BtoA.Load() == 2 })
		go io.Copy(struct{ io.Writer }{client}, payload(1, 8<<20)) // bulk: splice takes over
		if _, err := io.CopyN(io.Discard, server, 8<<20); err != nil {
			t.Fatal(err)
		}
		await(t, "the counts", func() bool { return p.counts[0].AtoB.Load() == 8+8<<20 })
		say(t, client, "tail")
		hearSome(t, server, "tail")
		await(t, "the counts", func() bool { return p.counts[0].AtoB.Load() == 12+8<<20 })
	})
}

// A RST whose error a write has taken must not look like a half-close to a read.
func TestTCPLegReadsResetAfterWriteTookIt(t *testing.T) {
	client, server := newPath(t, "direct").raw(t)
	leg := TCPLeg(client)
	reset(server)
	await(t, "the RST", func() bool { _, err := leg.Write([]byte("x")); return err != nil })
	if _, err := leg.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v", err)
	}
}

// raw returns a connection without a relay in it.
func (p *path) raw(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	client, err := net.DialTCP("tcp4", nil, p.server.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	guard(t, client)
	if server, err = p.server.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	guard(t, server)
	return client, server
}

// fake is a leg whose every method the test decides.
type fake struct {
	read   func() (int, error)
	write  func() (int, error)
	closed chan struct{}
	once   sync.Once
	resets atomic.Int32
}

func newFake() *fake { return &fake{closed: make(chan struct{})} }

func (f *fake) Read(p []byte) (int, error) {
	if f.read != nil {
		return f.read()
	}
	<-f.closed
	return 0, os.ErrClosed
}

func (f *fake) Write(p []byte) (int, error) {
	if f.write != nil {
		return f.write()
	}
	return len(p), nil
}

func (f *fake) CloseWrite() error { return nil }
func (f *fake) Reset() error      { f.resets.Add(1); return f.Close() }
func (f *fake) Close() error      { f.once.Do(func() { close(f.closed) }); return nil }

// Whatever fails, both legs are reset once, and the first reason is returned.
func TestRelayErrors(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		set  func(a, b *fake)
		want RelayError
	}{
		"read a":  {func(a, b *fake) { a.read = func() (int, error) { return 0, boom } }, RelayError{"a", "read", boom}},
		"read b":  {func(a, b *fake) { b.read = func() (int, error) { return 0, boom } }, RelayError{"b", "read", boom}},
		"write b": {func(a, b *fake) { a.read, b.write = one, func() (int, error) { return 0, boom } }, RelayError{"b", "write", boom}},
		"write a": {func(a, b *fake) { b.read, a.write = one, func() (int, error) { return 0, boom } }, RelayError{"a", "write", boom}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newFake(), newFake()
			c.set(a, b)
			err := Relay(context.Background(), a, b, nil)
			var re *RelayError
			if !errors.As(err, &re) || *re != c.want {
				t.Errorf("got %v, want %v", err, &c.want)
			}
			if a.resets.Load() != 1 || b.resets.Load() != 1 {
				t.Errorf("a was reset %d times, b %d times", a.resets.Load(), b.resets.Load())
			}
		})
	}
}

// breaking is a leg that breaks by itself.
type breaking struct {
	*fake
	f func(error)
}

func (b *breaking) OnBreak(f func(error)) { b.f = f }

// A stream that its own end resets takes with it a relay that is in a write to a leg which takes nothing.
func TestRelayOfAStreamThatBreaks(t *testing.T) {
	boom := errors.New("boom")
	stream, app := &breaking{fake: newFake()}, newFake()
	stream.read = one
	app.write = func() (int, error) {
		go stream.f(boom)
		<-app.closed
		return 0, os.ErrClosed
	}
	err := Relay(context.Background(), stream, app, nil)
	var re *RelayError
	if !errors.As(err, &re) || *re != (RelayError{"a", "read", boom}) {
		t.Errorf("got %v", err)
	}
}

func one() (int, error) { return 1, nil }

// A panic of the direction that runs elsewhere comes up in Relay's caller, with
// both legs closed.
func TestRelayPanics(t *testing.T) {
	a, b := newFake(), newFake()
	a.read = func() (int, error) { panic("boom") }
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "boom") {
			t.Errorf("recovered %v", v)
		}
		<-a.closed
		<-b.closed
	}()
	_ = Relay(context.Background(), a, b, nil)
	t.Error("Relay returned")
}
