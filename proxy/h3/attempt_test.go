package h3

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// watched is a socket that counts the Retry packets which come.
type watched struct {
	net.PacketConn
	retries atomic.Int64
}

func (w *watched) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := w.PacketConn.ReadFrom(b)
	if n > 0 && b[0]&0xf0 == 0xf0 { // a long header of this type (RFC 9000 section 17.2.5)
		w.retries.Add(1)
	}
	return n, from, err
}

// caller is an endpoint that dials.
func caller(t testing.TB) (*Endpoint, *watched) {
	t.Helper()
	w := &watched{PacketConn: udp(t)}
	e := patient.On(w, Socket{})
	t.Cleanup(func() { e.Close() })
	return e, w
}

// accepting is an endpoint that accepts, and its address.
func accepting(t testing.TB, o Options) (*Endpoint, netip.AddrPort) {
	t.Helper()
	pc := udp(t)
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, 4*hang) // under load a tenth of it is waited for each packet
	return New(o).On(pc, Socket{}), netip.MustParseAddrPort(pc.LocalAddr().String())
}

// TestRetryUnderLoad: while handshakes are unfinished, whoever comes then is asked to show that it receives
// at its address, does, and is served; before that nobody is asked.
func TestRetryUnderLoad(t *testing.T) {
	const load = 3
	e, at := accepting(t, Options{RetryAbove: load})
	release := make(chan struct{})
	var begun atomic.Int64
	acceptsWith(t, e, serverTLS(t), func(ctx context.Context, _, _ netip.AddrPort) error {
		if begun.Add(1) > load {
			return nil
		}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	early, socket := caller(t)
	ended := make(chan error, load)
	for range load {
		go func() {
			_, _, err := early.Dial(t.Context(), at, clientTLS)
			ended <- err
		}()
	}
	eventually(t, "handshakes to be under way", func() bool { return begun.Load() == load })
	late, asked := caller(t)
	tn, _, err := late.Dial(t.Context(), at, clientTLS)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tn.Open(t.Context(), target); err != nil {
		t.Error(err)
	}
	close(release)
	for range load {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := asked.retries.Load(); n == 0 {
		t.Error("no Retry came in spite of the load")
	}
	if n := socket.retries.Load(); n > 0 {
		t.Errorf("%d Retry before there was any load", n)
	}
	eventually(t, "no handshake to be unfinished", func() bool { return e.begun.Load() == 0 })
}

// refusedAtOnce dials, and fails the test unless nothing was begun.
func refusedAtOnce(t *testing.T, c *Endpoint, at netip.AddrPort) {
	t.Helper()
	_, _, err := c.Dial(t.Context(), at, clientTLS)
	var refused *quic.TransportError
	var crowded *tunnel.CrowdedError
	if !errors.As(err, &refused) || refused.ErrorCode != quic.ConnectionRefused || !errors.As(err, &crowded) {
		t.Errorf("got %v", err)
	}
}

// TestTooManyHandshakes: above a number nobody may begin, and below it again somebody may. Those of the process's
// other workloads count, too.
func TestTooManyHandshakes(t *testing.T) {
	var all Handshakes
	e, at := accepting(t, Options{RetryAbove: 2 * maxBegun, Handshakes: &all})
	acceptsWith(t, e, serverTLS(t), letBegin)
	c, _ := caller(t)
	for _, limit := range []struct {
		begun *atomic.Int64
		most  int64
	}{{&e.begun, maxBegun}, {&all.begun, maxBegunAll}} {
		limit.begun.Add(limit.most)
		refusedAtOnce(t, c, at)
		limit.begun.Add(-limit.most)
		if _, _, err := c.Dial(t.Context(), at, clientTLS); err != nil {
			t.Error(err)
		}
	}
}

// stingy is a socket that sends one packet.
type stingy struct {
	net.PacketConn
	sent atomic.Bool
}

func (s *stingy) WriteTo(b []byte, to net.Addr) (int, error) {
	if s.sent.Swap(true) {
		return len(b), nil
	}
	return s.PacketConn.WriteTo(b, to)
}

// TestHalfAHello: a peer that sends a part of its hello, and no more, has a place like any other: there are as many as may be
// unfinished, each is one of its workload's tunnels, and goes in time.
func TestHalfAHello(t *testing.T) {
	account := budget.NewAccount(budget.Limits{}, budget.NewTurns(1))
	e, at := accepting(t, Options{RetryAbove: 2 * maxBegun, Account: account, HandshakeTimeout: 2 * time.Second})
	var hellos atomic.Int64
	acceptsWith(t, e, serverTLS(t), func(context.Context, netip.AddrPort, netip.AddrPort) error {
		hellos.Add(1)
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	var dials sync.WaitGroup
	t.Cleanup(func() { cancel(); dials.Wait() })
	for range maxBegun {
		c := patient.On(&stingy{PacketConn: udp(t)}, Socket{})
		t.Cleanup(func() { c.Close() })
		dials.Go(func() { _, _, _ = c.Dial(ctx, at, clientTLS) })
	}
	most := int64(0)
	eventually(t, "all to have begun and ended", func() bool {
		n := account.Counts().Used[budget.Tunnels]
		most = max(most, n)
		return most > 0 && n == 0 && e.begun.Load() == 0
	})
	if hellos.Load() != 0 {
		t.Errorf("%d hellos were complete", hellos.Load())
	}
	c, _ := caller(t)
	if _, _, err := c.Dial(t.Context(), at, clientTLS); err != nil {
		t.Error(err)
	}
}

// TestNoPlaceForATunnel: whose workload has as many as it may is refused at once, since there is a way over TCP. (The second
// packet of a hello that was refused may come late, and take one of the two places.)
func TestNoPlaceForATunnel(t *testing.T) {
	const places = 2
	account := budget.NewAccount(budget.Limits{Tunnels: places}, budget.NewTurns(1))
	e, at := accepting(t, Options{Account: account})
	acceptsWith(t, e, serverTLS(t), letBegin)
	c, _ := caller(t)
	var all []tunnel.Tunnel
	for range places {
		tn, _, err := c.Dial(t.Context(), at, clientTLS)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tn)
	}
	refusedAtOnce(t, c, at)
	if account.Counts().Refused[budget.Tunnels] == 0 {
		t.Error("no refusal is counted")
	}
	for _, tn := range all {
		tn.Close()
	}
	eventually(t, "a place to be free", func() bool { return account.Counts().Used[budget.Tunnels] < places })
	if _, _, err := c.Dial(t.Context(), at, clientTLS); err != nil {
		t.Error(err)
	}
}

// TestNoRoomForATunnel: each tunnel is charged as long as it lives, at both ends; one without room is refused, and one that is
// ended for want of memory is gone.
func TestNoRoomForATunnel(t *testing.T) {
	const room = 2
	accounts := func() *budget.Account {
		return budget.NewAccount(budget.Limits{Bytes: 4 * room * tunnelCost}, budget.NewTurns(1))
	}
	account, own := accounts(), accounts()
	e, at := accepting(t, Options{Account: account})
	acceptsWith(t, e, serverTLS(t), letBegin)
	o := patient.o
	o.Account = own
	c := New(o).On(udp(t), Socket{})
	t.Cleanup(func() { c.Close() })
	for range room {
		if _, _, err := c.Dial(t.Context(), at, clientTLS); err != nil {
			t.Fatal(err)
		}
	}
	var over *budget.Error
	var crowded *tunnel.CrowdedError
	if _, _, err := c.Dial(t.Context(), at, clientTLS); !errors.As(err, &over) || over.Resource != budget.Bytes || !errors.As(err, &crowded) {
		t.Errorf("got %v", err)
	}
	other, _ := caller(t)
	refusedAtOnce(t, other, at)
	eventually(t, "all to be served", func() bool { return account.Unseen() == int64(room*e.t.o.window()) })
	if n := account.Relieve(); n != room {
		t.Errorf("%d were ended, want %d", n, room)
	}
	eventually(t, "nothing to be charged, but for a late packet of who was refused", func() bool { return account.Buffered() <= tunnelCost && own.Buffered() == 0 })
	if _, _, err := c.Dial(t.Context(), at, clientTLS); err != nil {
		t.Error(err)
	}
}

// TestWhoIsRefused: by admission before anything is computed, or by the checks of VerifyConnection. The dialling
// end learns it from Dial and not from its first stream.
func TestWhoIsRefused(t *testing.T) {
	unverified := serverTLS(t)
	unverified.VerifyConnection = func(tls.ConnectionState) error { return errors.New("nobody") }
	for name, test := range map[string]struct {
		c   *tls.Config
		err error
	}{
		"no admission": {serverTLS(t), errors.New("later")},
		"not verified": {unverified, nil},
		"not verified by a configuration of its own": {&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return unverified, nil }}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e, at := accepting(t, Options{})
			streams := acceptsWith(t, e, test.c, func(context.Context, netip.AddrPort, netip.AddrPort) error { return test.err })
			c, _ := caller(t)
			_, _, err := c.Dial(t.Context(), at, clientTLS)
			var refused *quic.TransportError
			if !errors.As(err, &refused) || !refused.ErrorCode.IsCryptoError() {
				t.Errorf("got %v", err)
			}
			if len(streams) > 0 {
				t.Error("a stream came")
			}
			eventually(t, "no handshake to be unfinished", func() bool { return e.begun.Load() == 0 })
		})
	}
}

// tickets is a client's memory of sessions.
type tickets struct {
	tls.ClientSessionCache
	put atomic.Int64
}

func (c *tickets) Put(key string, s *tls.ClientSessionState) {
	c.put.Add(1)
	c.ClientSessionCache.Put(key, s)
}

// TestNothingIsSentBeforeThePeerIsVerified: a client that would resume, and send with its first packet (0-RTT), gets
// no ticket and has its early data in no connection.
func TestNothingIsSentBeforeThePeerIsVerified(t *testing.T) {
	e, at := accepting(t, Options{})
	accepts(t, e)
	cache := &tickets{ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	eager := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{NextProto}, ClientSessionCache: cache}
	from := socket(t)
	for range 2 {
		q, err := from.DialEarly(t.Context(), net.UDPAddrFromAddrPort(at), eager, patient.Config())
		if err != nil {
			t.Fatal(err)
		}
		tn, err := patient.Client(t.Context(), q) // its SETTINGS come after whatever tickets there are
		if err != nil {
			t.Fatal(err)
		}
		if s := q.ConnectionState(); s.Used0RTT || s.TLS.DidResume {
			t.Errorf("0-RTT %v, resumed %v", s.Used0RTT, s.TLS.DidResume)
		}
		tn.Close()
	}
	if n := cache.put.Load(); n != 0 {
		t.Errorf("%d tickets were given", n)
	}
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waiting for %s", what)
		}
	}
}
