package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// patient is a transport that notices no loss by itself for as long as a test lasts.
var patient = New(Options{SilenceTimeout: time.Hour, IdleTimeout: time.Hour, HandshakeTimeout: hang})

func udp(t testing.TB) *net.UDPConn {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

// generation is a socket of the n-th process of a workload.
func generation(t testing.TB, n byte, key *[32]byte) Socket {
	t.Helper()
	ids, err := NewIDs(n, 8)
	if err != nil {
		t.Fatal(err)
	}
	return Socket{IDs: ids, Key: key}
}

func letBegin(context.Context, netip.AddrPort, netip.AddrPort) error { return nil }

// accepts serves an endpoint and gives its streams to the test.
func accepts(t testing.TB, e *Endpoint) <-chan tunnel.Stream {
	t.Helper()
	return acceptsWith(t, e, serverTLS(t), letBegin)
}

func acceptsWith(t testing.TB, e *Endpoint, c *tls.Config, begin tunnel.Begin) <-chan tunnel.Stream {
	t.Helper()
	streams := make(chan tunnel.Stream, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Serve(ctx, ctx, ctx, c, begin, func(tunnel.Accepted) (tunnel.Served, error) {
			return tunnel.Served{Ended: func(error) {}, Handler: func(in tunnel.Incoming) {
				if s, err := in.Accept(hbone.Header{}); err == nil {
					streams <- s
					<-ctx.Done()
				}
			}}, nil
		})
	}()
	t.Cleanup(func() { cancel(); e.Close(); <-done })
	return streams
}

// TestThePeerDied: the state of a connection is lost, as by a crash, and whoever sends something
// is told at once by the successor, which has the socket and the key.
func TestThePeerDied(t *testing.T) {
	key := &[32]byte{1, 2, 3}
	t.Run("accepting end", func(t *testing.T) {
		_, dialled, _, at := acquainted(t, key)
		at.e.Close()
		accepts(t, patient.On(at.pc, generation(t, 8, key)))
		wantDied(t, dialled)
	})
	t.Run("dialling end", func(t *testing.T) {
		accepted, _, from, _ := acquainted(t, key)
		from.e.Close()
		accepts(t, patient.On(from.pc, generation(t, 8, key)))
		wantDied(t, accepted)
	})
}

// end is an endpoint and its socket.
type end struct {
	e  *Endpoint
	pc *net.UDPConn
}

// acquainted are the two ends of a stream over which both have spoken.
func acquainted(t *testing.T, key *[32]byte) (accepted, dialled tunnel.Stream, from, at end) {
	t.Helper()
	from.pc, at.pc = udp(t), udp(t)
	from.e, at.e = patient.On(from.pc, generation(t, 7, key)), patient.On(at.pc, generation(t, 7, key))
	t.Cleanup(func() { from.e.Close() })
	streams := accepts(t, at.e)
	tn, _, err := from.e.Dial(t.Context(), netip.MustParseAddrPort(at.pc.LocalAddr().String()), clientTLS)
	if err != nil {
		t.Fatal(err)
	}
	dialled, _, err = tn.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	accepted = <-streams
	for _, way := range [][2]tunnel.Stream{{dialled, accepted}, {accepted, dialled}} {
		if _, err := way[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := way[1].Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	return accepted, dialled, from, at
}

// wantDied says something and wants to hear that nobody knows of the connection.
func wantDied(t *testing.T, s tunnel.Stream) {
	t.Helper()
	if _, err := s.Write([]byte("are you there?")); err != nil {
		t.Fatal(err)
	}
	heard := make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 1))
		heard <- err
	}()
	var died *quic.StatelessResetError
	select {
	case err := <-heard:
		if re := (*tunnel.ResetError)(nil); !errors.As(err, &re) || !errors.As(re.Lost, &died) {
			t.Errorf("got %v, want the reset of a connection that nobody knows", err)
		}
		eventually(t, "the tunnel to say so", func() bool { return s.(*stream).c.Loss() == tunnel.Restarted })
	case <-time.After(hang):
		t.Fatal("nobody said that the connection is lost")
	}
}

// TestIDs: what a program in the kernel looks at.
func TestIDs(t *testing.T) {
	for _, length := range []int{0, 4, 21} {
		if _, err := NewIDs(1, length); err == nil {
			t.Errorf("IDs of %d bytes", length)
		}
	}
	ids, err := NewIDs(9, 8)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[quic.ConnectionID]bool{}
	for range 100 {
		id, err := ids.GenerateConnectionID()
		if err != nil || id.Len() != 8 || ids.ConnectionIDLen() != 8 || id.Bytes()[0] != 9 || seen[id] {
			t.Fatalf("ID %v, %v", id, err)
		}
		seen[id] = true
	}
}
