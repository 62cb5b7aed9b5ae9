package proxy_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
)

// A panic of one connection ends it, for its client too, is counted, and leaves every
// other alone: before it has a tunnel, and in its stream.
func TestPanicsEndTheirConnectionOnly(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, echoAll)
		for name, of := range map[string]*pod{"outbound": w.client, "stream": w.server} {
			t.Run(name, func(t *testing.T) {
				echoed(t, w) // there is a tunnel already
				before := of.work.Counters.Panics.Load()
				connected := make(chan struct{})
				of.panicsOnce(t, func() { <-connected })
				conn := w.client.dial(t, at(w.B4, 8080))
				close(connected)
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("its client read %v, want a reset", err)
				}
				if n := of.work.Counters.Panics.Load() - before; n != 1 {
					t.Errorf("%d panics counted", n)
				}
				echoed(t, w)
			})
		}
	})
}

// So does one of a tunnel that is not there yet.
func TestAPanicEndsItsTunnelOnly(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, echoAll)
		w.server.panicsOnce(t, func() {})
		if w.greeted(t, w.svid(t, w.client.workload.Identity)) == nil {
			t.Error("a tunnel outlived the panic")
		}
		if n := w.server.work.Counters.Panics.Load(); n != 1 {
			t.Errorf("%d panics counted", n)
		}
		w.server.waitLine(t, "direction=inbound", "a bug")
		echoed(t, w)
	})
}

// TestAPanicInAHandshakeOverQUIC ends that handshake alone, at either end: it is made in goroutines of crypto/tls.
func TestAPanicInAHandshakeOverQUIC(t *testing.T) {
	for name, mine := range map[string]func(identity.Source) identity.Source{
		"in a callback": func(s identity.Source) identity.Source { return &mined{Source: s} },
		"in a key":      func(s identity.Source) identity.Source { return &minedKeys{Source: s} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwoWith(t, func(w *two) { w.quic, w.mined = true, mine })
			w.server.serve(t, 8080, echoApp)
			w.overQUIC(t, at(w.B4, 8080))
			for _, p := range []*pod{w.client, w.server} {
				if n := p.work.Counters.Panics.Load(); n != 1 {
					t.Errorf("%s counts %d panics", p.workload.UID, n)
				}
			}
			w.server.waitLine(t, "direction=inbound", "transport=quic", "a bug")
		})
	}
}

// mined is a source that goes off in its first handshake over QUIC.
type mined struct {
	identity.Source
	mine mine
}

func (m *mined) SVID() (*identity.SVID, error) {
	m.mine.step()
	return m.Source.SVID()
}

// mine goes off once, in a handshake over QUIC.
type mine struct{ off atomic.Bool }

func (m *mine) step() {
	if strings.Contains(string(debug.Stack()), "QUICConn") && !m.off.Swap(true) {
		panic("a bug")
	}
}

// minedKeys is a source whose keys go off at the first signature for QUIC.
type minedKeys struct {
	identity.Source
	mine mine
}

func (m *minedKeys) SVID() (*identity.SVID, error) {
	s, err := m.Source.SVID()
	if err != nil {
		return nil, err
	}
	mined, certificate := *s, *s.Certificate
	certificate.PrivateKey = minedKey{certificate.PrivateKey.(crypto.Signer), &m.mine}
	mined.Certificate = &certificate
	return &mined, nil
}

type minedKey struct {
	crypto.Signer
	mine *mine
}

func (k minedKey) Sign(rand io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	k.mine.step()
	return k.Signer.Sign(rand, digest, o)
}

// panicsOnce has the pod's next connection panic after wait.
func (p *pod) panicsOnce(t *testing.T, wait func()) {
	t.Helper()
	var left atomic.Int32
	left.Store(1)
	t.Cleanup(hazard.Arm(&hazard.Hazard{Connection: func(_ context.Context, uid string) {
		if uid == p.workload.UID && left.Add(-1) == 0 {
			wait()
			panic("a bug")
		}
	}}))
}

func echoed(t *testing.T, w *two) {
	t.Helper()
	conn := w.client.dial(t, at(w.B4, 8080))
	if _, err := conn.Write([]byte("still there")); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if got := readAll(t, conn); got != "still there" {
		t.Errorf("echo %q", got)
	}
}
