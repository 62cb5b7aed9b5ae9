package h3

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// TestGoAwayOfNoRequest: the accepting end leaves with the ID of a request (RFC 9114 section 5.2).
func TestGoAwayOfNoRequest(t *testing.T) {
	for name, text := range map[string]string{
		"its own stream": frame(frameGoAway, "\x03"),
		"streams again":  frame(frameGoAway, "\x04") + frame(frameGoAway, "\x08"),
	} {
		t.Run(name, func(t *testing.T) {
			cq, sq, _ := loopback(t, Options{})
			u, err := sq.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := u.Write([]byte(uni(uniControl, frame(frameSettings, "")+text))); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			defer cancel()
			if tn, err := New(Options{}).Client(ctx, cq); err == nil { // its greeting may have come first
				<-tn.Done()
			}
			var closed *quic.ApplicationError
			select {
			case <-sq.Context().Done():
			case <-ctx.Done():
				t.Fatal("the tunnel goes on")
			}
			if err := context.Cause(sq.Context()); !errors.As(err, &closed) || closed.ErrorCode != codeID {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAPeerWithoutCredit for our control stream holds up nobody: neither who asks whether it is there, nor a drain.
func TestAPeerWithoutCredit(t *testing.T) {
	for name, credit := range map[string]uint64{"for SETTINGS alone": 12, "for nothing": 1} {
		t.Run(name, func(t *testing.T) {
			at, from := socket(t), socket(t)
			l, err := at.Listen(serverTLS(t), patient.Config())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			mean := patient.Config()
			mean.InitialStreamReceiveWindow, mean.MaxStreamReceiveWindow = credit, credit
			cq, err := from.Dial(t.Context(), l.Addr(), clientTLS, mean)
			if err != nil {
				t.Fatal(err)
			}
			sq, err := l.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				c := newConn(sq, patient.o, echo)
				if err := c.openControl(); (err == nil) != (credit > 1) {
					t.Errorf("SETTINGS: %v", err)
				}
				for range 10 {
					c.probe()
				}
				for range 10 { // more than the credit that is left
					c.sayGoAway(0)
				}
				if c.err != nil {
					t.Errorf("the tunnel ended: %v", c.err)
				}
			}()
			select {
			case <-done:
			case <-time.After(hang):
				t.Error("it waits")
			}
			_ = cq.CloseWithError(codeNo, "")
			<-done
		})
	}
}

// FuzzControl: whatever a peer says in its unidirectional streams is an error with a code of its own, or skipped.
func FuzzControl(f *testing.F) {
	control := uni(uniControl, frame(frameSettings, "\x06\x40\x64")+frame(frameNothing, "x")+frame(frameGoAway, "\x08")+frame(frameGoAway, "\x04"))
	f.Add([]byte(control), []byte(uni(uniEncoder, "\x20\x20")), false)
	f.Add([]byte(uni(uniDecoder, "\x80")), []byte(uni(0x21, "x")), true)
	f.Add([]byte(uni(uniPush, "")), []byte(control), true)
	f.Fuzz(func(t *testing.T, first, second []byte, accepts bool) {
		var h tunnel.Handler
		if accepts {
			h = func(tunnel.Incoming) {}
		}
		c := newConn(nil, Options{}.resolved(), h)
		for _, text := range [][]byte{first, second} {
			known, err := c.hear(bytes.NewReader(text))
			var broken *ConnError
			if known != (err != nil) || err != nil && !errors.As(err, &broken) {
				t.Errorf("known %v, %v", known, err) // a stream of a known kind must not end
			}
		}
		if c.gone && !accepts && c.lastID%4 != 0 {
			t.Errorf("left at %d", c.lastID)
		}
	})
}
