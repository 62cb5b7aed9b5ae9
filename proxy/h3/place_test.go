package h3

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// TestAPeerMoves: the dialling end goes on from another address. The accepting end is told, and says whether the
// tunnel may go on; nothing comes from there before.
func TestAPeerMoves(t *testing.T) {
	for name, verdict := range map[string]error{"it may": nil, "it may not": errors.New("stay where you are")} {
		t.Run(name, func(t *testing.T) {
			e, at := accepting(t, Options{})
			moved := make(chan netip.AddrPort, 1)
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			c := serverTLS(t)
			go func() {
				served <- e.Serve(ctx, ctx, ctx, c, letBegin, func(tunnel.Accepted) (tunnel.Served, error) {
					return tunnel.Served{Handler: echo, Ended: func(error) {}, Moved: func(to netip.AddrPort) error {
						moved <- to
						return verdict
					}}, nil
				})
			}()
			t.Cleanup(func() { cancel(); e.Close(); <-served })
			from, _ := caller(t)
			tn, _, err := from.Dial(t.Context(), at, clientTLS)
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := tn.Open(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			says(t, s, "here")
			elsewhere := move(t, tn)
			_, err = s.Write([]byte("there"))
			if to := <-moved; to != elsewhere {
				t.Errorf("it moved to %s, told was %s", elsewhere, to)
			}
			if verdict == nil {
				if err != nil {
					t.Fatal(err)
				}
				hears(t, s, "there")
				if _, _, err := tn.Open(t.Context(), target); err != nil {
					t.Error(err)
				}
				return
			}
			<-tn.Done()
			_, _, err = tn.Open(t.Context(), target)
			var lost *tunnel.LostError
			var closed *quic.ApplicationError
			if !errors.As(err, &lost) || !errors.As(lost.Err, &closed) || closed.ErrorCode != codeProtocol {
				t.Errorf("got %v", err)
			}
		})
	}
}

// move takes the dialling end to another address.
func move(t *testing.T, tn tunnel.Tunnel) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	to := &quic.Transport{Conn: pc}
	t.Cleanup(func() { to.Close(); pc.Close() })
	path, err := tn.(*conn).q.AddPath(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := path.Switch(); err != nil {
		t.Fatal(err)
	}
	return addrOf(pc.LocalAddr())
}

func says(t *testing.T, s tunnel.Stream, text string) {
	t.Helper()
	if _, err := s.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	hears(t, s, text)
}

func hears(t *testing.T, s tunnel.Stream, text string) {
	t.Helper()
	for b := make([]byte, len(text)); text != ""; {
		n, err := s.Read(b[:len(text)])
		if err != nil || string(b[:n]) != text[:n] {
			t.Fatalf("read %q, %v, want %q", b[:n], err, text)
		}
		text = text[n:]
	}
}

// TestAPeerMovesAndIsBack: who is away for less than a look is noticed as well, by what it says there.
func TestAPeerMovesAndIsBack(t *testing.T) {
	e, at := accepting(t, Options{})
	moved := make(chan netip.AddrPort, 1)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	c := serverTLS(t)
	go func() {
		served <- e.Serve(ctx, ctx, ctx, c, letBegin, func(tunnel.Accepted) (tunnel.Served, error) {
			return tunnel.Served{Handler: echo, Ended: func(error) {}, Moved: func(to netip.AddrPort) error {
				moved <- to
				return errors.New("stay where you are")
			}}, nil
		})
	}()
	t.Cleanup(func() { cancel(); e.Close(); <-served })
	from, _ := caller(t)
	tn, _, err := from.Dial(t.Context(), at, clientTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer tn.Close()
	s, _, err := tn.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	says(t, s, "here")
	elsewhere := move(t, tn)
	n := 0
	for ; err == nil && n < 100; n++ { // quic-go hands on what comes first from there, and follows the peer then
		if _, err = s.Write([]byte("there")); err == nil {
			_, err = s.Read(make([]byte, 5))
		}
	}
	if err == nil {
		t.Errorf("%d answers from there", n)
	}
	if to := <-moved; to != elsewhere {
		t.Errorf("it moved to %s, told was %s", elsewhere, to)
	}
	<-tn.Done()
}
