package h3

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// deaf is a socket whose packets go nowhere once it is shut: a network that lets UDP pass no more in that direction.
type deaf struct {
	net.PacketConn
	shut atomic.Bool
}

func (d *deaf) WriteTo(b []byte, to net.Addr) (int, error) {
	if d.shut.Load() {
		return len(b), nil
	}
	return d.PacketConn.WriteTo(b, to)
}

func deafSocket(t *testing.T) (*deaf, *quic.Transport) {
	t.Helper()
	d := &deaf{PacketConn: udp(t)}
	q := &quic.Transport{Conn: d}
	t.Cleanup(func() { q.Close() })
	return d, q
}

// speaks answers with bytes without end, a few at a time.
func speaks(in tunnel.Incoming) {
	s, err := in.Accept(hbone.Header{})
	for err == nil {
		_, err = s.Write([]byte("x"))
		time.Sleep(time.Millisecond)
	}
}

// TestSilence: with a stream open, the loss of the path is noticed long before QUIC's idle timeout, whichever direction is
// lost and whoever speaks, as what it is. A tunnel that says nothing is left alone.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		there, back bool // what is lost
		handler     tunnel.Handler
	}{
		"requests are lost":                 {there: true, handler: echo},
		"answers are lost":                  {back: true, handler: echo},
		"both are lost":                     {there: true, back: true, handler: echo},
		"one listens and is not heard":      {there: true, handler: speaks},
		"one listens and hears nothing":     {back: true, handler: speaks},
		"one listens when nothing passes":   {there: true, back: true, handler: speaks},
		"nothing is lost, nothing was said": {handler: echo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{SilenceTimeout: time.Second, IdleTimeout: 2 * hang, HandshakeTimeout: hang}
			if !c.there && !c.back {
				o.PingInterval = o.SilenceTimeout / 2 // it is asked all the same
			}
			there, from := deafSocket(t)
			back, at := deafSocket(t)
			tn, sq := over(t, o, from, at, c.handler)
			s, _, err := tn.Open(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if c.there || c.back {
				says(t, s, "x") // what the other one speaks is x, too
			} else {
				time.Sleep(3 * o.SilenceTimeout)
				says(t, s, "x")
				return
			}
			there.shut.Store(c.there)
			back.shut.Store(c.back)
			for err == nil {
				if _, err = s.Write([]byte("x")); err == nil {
					_, err = io.ReadAll(io.LimitReader(s, 1000))
				}
			}
			var reset *tunnel.ResetError
			if !errors.As(err, &reset) || reset.Lost == nil {
				t.Errorf("got %v", err)
			}
			<-tn.Done()
			if loss := tn.(tunnel.Losing).Loss(); loss != tunnel.Silent {
				t.Errorf("lost by %v: %v", loss, err)
			}
			there.shut.Store(false) // what the other end has not noticed it hears now
			back.shut.Store(false)
			_ = sq.CloseWithError(codeNo, "")
		})
	}
}

// over makes a tunnel between two sockets.
func over(t *testing.T, o Options, from, at *quic.Transport, h tunnel.Handler) (tunnel.Tunnel, *quic.Conn) {
	t.Helper()
	l, err := at.Listen(serverTLS(t), New(o).Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	cq, err := from.Dial(t.Context(), l.Addr(), clientTLS, New(o).Config())
	if err != nil {
		t.Fatal(err)
	}
	sq, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := serve(o, sq, h)
	tn, err := New(o).Client(t.Context(), cq)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tn.Close()
		_ = sq.CloseWithError(codeNo, "")
		s.wait(t)
	})
	return tn, sq
}

// TestLooks: when a peer is asked, and when it is lost.
func TestLooks(t *testing.T) {
	type look struct {
		sent, received uint64 // packets since the last one
		spoke          bool
		asks           bool
		looks          int
	}
	for name, looks := range map[string][]look{
		"nobody speaks":                  {{}, {}, {}},
		"an answer for each request":     {{sent: 2, received: 2, spoke: true}, {sent: 1, received: 1, spoke: true}},
		"a request without an answer":    {{sent: 1, spoke: true, asks: true}, {sent: 1, looks: 1}, {looks: 2}, {sent: 1, looks: 3}},
		"who listened hears no more":     {{sent: 1, received: 9, spoke: true}, {asks: true}, {sent: 1, looks: 1}, {looks: 2}, {looks: 3}},
		"the answer comes late":          {{sent: 1, spoke: true, asks: true}, {looks: 1}, {received: 1}, {}, {}},
		"an acknowledgement is sent":     {{received: 1}, {sent: 1, asks: true}, {received: 1}, {}},
		"a question is answered":         {{received: 1, sent: 1}, {}, {}},
		"long silence, then the routine": {{}, {}, {}, {}, {asks: true}, {received: 1}, {}},
	} {
		t.Run(name, func(t *testing.T) {
			var q silence
			var stats quic.ConnectionStats
			for i, l := range looks {
				stats.PacketsSent += l.sent
				stats.PacketsReceived += l.received
				if asks := q.sees(stats, l.spoke, 5); asks != l.asks || q.looks != l.looks {
					t.Errorf("look %d: asks %v, %d looks in vain; want %v, %d", i, asks, q.looks, l.asks, l.looks)
				}
			}
		})
	}
}
