package budget

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// I4: peers that never answer hold no turn. With a slot for the whole handshake one
// of them would keep every other workload of the cell from its own.
func TestASilentPeerHoldsNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		culprit, bystander := NewAccount(Limits{}, turns), NewAccount(Limits{}, turns)
		ours, silent := net.Pipe()
		defer silent.Close()
		failed := make(chan error)
		go func() {
			_, err := culprit.Handshake(t.Context(), ours, nil, func(c net.Conn) *tls.Conn { return tls.Server(c, &tls.Config{}) })
			failed <- err
		}()
		synctest.Wait() // it reads, and nothing comes
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := turns.take(ctx, bystander); err != nil {
			t.Errorf("no turn for the bystander: %v", err)
		} else {
			turns.give()
		}
		silent.Close()
		if err := <-failed; err == nil {
			t.Error("a handshake without a peer succeeded")
		}
		if turns.free != 1 {
			t.Errorf("%d turns are free at the end, want 1", turns.free)
		}
	})
}

func TestAFailedHandshakeLeavesItsPlace(t *testing.T) {
	a := NewAccount(Limits{}, NewTurns(1))
	place, err := a.Tunnel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ours, peer := net.Pipe()
	peer.Close()
	if _, err := a.Handshake(t.Context(), ours, place, func(c net.Conn) *tls.Conn { return tls.Server(c, &tls.Config{}) }); err == nil {
		t.Fatal("a handshake without a peer succeeded")
	}
	if n := a.tunnels.count(); n != 0 {
		t.Errorf("%d tunnels are counted", n)
	}
}

func TestHandshakesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccount(Limits{HandshakesPerSecond: 1}, NewTurns(8))
		begin := time.Now()
		for range 3 {
			ours, peer := net.Pipe()
			peer.Close()
			_, _ = a.Handshake(t.Context(), ours, nil, func(c net.Conn) *tls.Conn { return tls.Server(c, &tls.Config{}) })
		}
		if got := time.Since(begin); got != 2*time.Second {
			t.Errorf("three handshakes took %v, want 2s at one a second", got)
		}
	})
}

// Over QUIC the rate and the turns are taken apart: a second handshake a second later, and what
// computes waits for its turn.
func TestBeginAndCompute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		a := NewAccount(Limits{HandshakesPerSecond: 1}, turns)
		begin := time.Now()
		for range 3 {
			if err := a.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(begin); got != 2*time.Second {
			t.Errorf("three handshakes began within %v, want 2s at one a second", got)
		}
		if err := turns.take(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		computed := make(chan error, 1)
		go func() { computed <- a.Compute(t.Context(), func() error { return nil }) }()
		synctest.Wait()
		if len(computed) > 0 {
			t.Error("computed without a turn")
		}
		turns.give()
		if err := <-computed; err != nil || turns.free != 1 {
			t.Errorf("%v, %d turns are free", err, turns.free)
		}
	})
}
