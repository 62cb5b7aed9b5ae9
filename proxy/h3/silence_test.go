package h3

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// deaf is a socket whose packets go nowhere once it is shut: a network that lets UDP pass no more.
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

// TestSilence: with a stream open and something sent, the loss of the path is noticed long before
// QUIC's idle timeout; a tunnel that says nothing is left alone.
func TestSilence(t *testing.T) {
	o := Options{SilenceTimeout: 400 * time.Millisecond}
	at := socket(t)
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{PacketConn: pc}
	from := &quic.Transport{Conn: d}
	t.Cleanup(func() { from.Close(); pc.Close() })
	l, err := at.Listen(serverTLS(t), New(o).Config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cq, err := from.Dial(t.Context(), l.Addr(), clientTLS, New(o).Config())
	if err != nil {
		t.Fatal(err)
	}
	sq, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := serve(o, sq, echo)
	defer s.wait(t)
	defer func() { _ = sq.CloseWithError(codeNo, "") }()
	tn, err := New(o).Client(t.Context(), cq)
	if err != nil {
		t.Fatal(err)
	}
	defer tn.Close()
	stream, _, err := tn.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	time.Sleep(3 * o.SilenceTimeout) // nobody says anything: that is no silence
	if !tn.Usable() {
		t.Fatal("an idle tunnel was taken for a lost one")
	}
	d.shut.Store(true)
	if _, err := stream.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Read(make([]byte, 1))
	var reset *tunnel.ResetError
	var silent *SilentError
	if !errors.As(err, &reset) || !errors.As(reset.Lost, &silent) {
		t.Errorf("got %v", err)
	}
}
