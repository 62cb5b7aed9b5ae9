package h2

import (
	"io"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// landmine is a sink that takes everything, and panics on recvLoop when it is told of the end.
type landmine struct{ io.Writer }

func (landmine) TryWrite(v [][]byte) (n int, err error) {
	for _, p := range v {
		n += len(p)
	}
	return n, nil
}
func (landmine) Ended(error) { panic("boom") }
func (landmine) Broke(error) {}

// What panics while a tunnel reads takes that tunnel along, and no more.
func TestAPanicWhileReadingEndsItsTunnel(t *testing.T) {
	panics := make(chan any, 2)
	o := Options{OnPanic: func(v any, stack []byte) { panics <- v }}
	for name, mine := range map[string]func(dialler, acceptor tunnel.Stream){
		"dialling end": func(d, a tunnel.Stream) {
			d.(tunnel.Forwarder).Forward(landmine{io.Discard}, landmine{})
			a.CloseWrite()
		},
		"accepting end": func(d, a tunnel.Stream) {
			a.(tunnel.Forwarder).Forward(landmine{io.Discard}, landmine{})
			d.CloseWrite()
		},
	} {
		t.Run(name, func(t *testing.T) {
			other, _, _ := acceptPair(t, Options{})
			tn, s, a := acceptPair(t, o)
			d, far := open(t, tn), a.next(t)
			neighbour, _ := open(t, tn), a.next(t)
			mine(d, far)
			within(t, "the panic to be told", func() {
				if v := <-panics; v != "boom" {
					t.Errorf("told of %v", v)
				}
			})
			within(t, "the tunnel to end", func() { <-tn.Done() })
			_, err := neighbour.Read(make([]byte, 1))
			wantLost(t, err)
			a.release()
			if err := s.wait(t); err == nil {
				t.Error("Serve returned nil")
			}
			open(t, other) // in the same process
		})
	}
	t.Run("the peer is told", func(t *testing.T) {
		w, tn := wireToClient(t, o)
		forwarded := make(chan struct{})
		go func() {
			defer close(forwarded)
			if s, _, err := tn.Open(t.Context(), target); err == nil {
				s.(tunnel.Forwarder).Forward(landmine{io.Discard}, landmine{})
			}
		}()
		read[*http2.MetaHeadersFrame](w)
		w.headers(1, false, ":status", "200")
		<-forwarded
		w.must(w.fr.WriteData(1, true, nil))
		w.wantGoAway(http2.ErrCodeInternal)
		<-panics
	})
}
