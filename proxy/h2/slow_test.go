package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// Peers that are slow on purpose ("slowloris"): whatever is begun and not finished ends
// the tunnel, however alive its peer looks.

// dribble sends b byte by byte, over and over its last one, until the connection ends.
func dribble(c net.Conn, b string) {
	for i := 0; ; i++ {
		if _, err := c.Write([]byte{b[min(i, len(b)-1)]}); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond) // the pace of the attack; nothing waits for it
	}
}

// A greeting that comes byte by byte does not buy time with each of them.
func TestSlowGreeting(t *testing.T) {
	o := Options{HandshakeTimeout: 100 * time.Millisecond, LingerTimeout: time.Millisecond}
	for name, sent := range map[string]string{
		"nothing":           "",
		"part of a preface": http2.ClientPreface[:10],
		"no SETTINGS":       http2.ClientPreface,
		"part of SETTINGS":  http2.ClientPreface + "\x00\x40\x00\x04\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			nc, served := s.serve(t, New(o), idle)
			go dribbleAll(nc, sent)
			if err := served.wait(t); !isTimeout(err) {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
	for name, sent := range map[string]string{"nothing, dialling": "", "part of SETTINGS, dialling": "\x00\x40\x00\x04\x00\x00\x00\x00\x00\x00"} {
		t.Run(name, func(t *testing.T) {
			stage(t)
			cc, sc := loopback(t)
			defer sc.Close()
			go io.Copy(io.Discard, sc)
			go dribbleAll(sc, sent)
			within(t, "Client", func() {
				if _, err := New(o).Client(context.Background(), cc); err == nil {
					t.Error("there is a tunnel")
				}
			})
		})
	}
}

func dribbleAll(c net.Conn, b string) {
	if b != "" {
		dribble(c, b)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() || errors.Is(err, errGreeting)
}

// A frame that is begun and comes byte by byte is no sign of life, nor is half a header
// block with nothing behind it.
func TestSlowFrames(t *testing.T) {
	o := Options{PingInterval: 20 * time.Millisecond, PingTimeout: 500 * time.Millisecond, LingerTimeout: time.Millisecond}
	for name, begun := range map[string]string{
		"DATA":           "\x00\x40\x00\x00\x00\x00\x00\x00\x01z",
		"HEADERS":        "\x00\x40\x00\x01\x00\x00\x00\x00\x05\x00",
		"unknown":        "\x00\x40\x00\xbb\x00\x00\x00\x00\x05\x00",
		"a frame header": "\x00\x40",
	} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, o, func(t *testing.T, s *scene) {
				s.deaf.Store(true)
				s.heard.Go(func() { dribble(s.c, begun) })
				if err := s.end(); err == nil {
					t.Error("the end was in order")
				} else if se := (*SilentError)(nil); name != "a frame header" && !errors.As(err, &se) {
					t.Errorf("the tunnel ended with %v", err)
				}
			})
		})
	}
	t.Run("a block without its end", func(t *testing.T) {
		bothEnds(t, o, func(t *testing.T, s *scene) {
			s.must(s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: connectBlock}))
			var se *SilentError
			if err := s.end(); !errors.As(err, &se) {
				t.Errorf("the tunnel ended with %v", err)
			}
		})
	})
}

// Many tunnels whose peers have each begun a frame and wait: what that costs is charged
// to nobody, so it must be little.
func TestHalfFramesHoldLittle(t *testing.T) {
	for name, begun := range map[string]string{"a byte": "\x00", "DATA": "\x00\x40\x00\x00\x00\x00\x00\x00\x01zzz", "HEADERS": "\x00\x40\x00\x01\x00\x00\x00\x00\x03\x00"} {
		t.Run(name, func(t *testing.T) { halfFrames(t, nil, begun, 96<<10) })
		t.Run(name+", TLS", func(t *testing.T) { halfFrames(t, sealed(t), begun, 192<<10) }) // with the TLS of both ends
	}
}

func halfFrames(t *testing.T, ends func() (theirs, ours net.Conn), begun string, most int64) {
	const tunnels = 200
	s := stage(t)
	if ends != nil {
		s.conns = ends
	}
	tr := New(Options{})
	base := inUse()
	for range tunnels {
		nc, _ := s.serve(t, tr, idle)
		w := newWire(t, nc)
		_, err := io.WriteString(nc, http2.ClientPreface)
		w.must(err)
		w.must(w.fr.WriteSettings())
		w.connect(1)
		var last bytes.Buffer
		w.must(http2.NewFramer(&last, nil).WritePing(false, [8]byte{1}))
		last.WriteString(begun)
		_, err = nc.Write(last.Bytes())
		w.must(err)
		read[*http2.PingFrame](w) // and with the PING came what is behind it
	}
	if n := (inUse() - base) / tunnels; n > most {
		t.Errorf("a tunnel that waits for the rest of a frame holds %d bytes", n)
	} else {
		t.Logf("%d bytes each, the peers' included", n)
	}
}
