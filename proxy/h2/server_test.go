package h2

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

func TestStatuses(t *testing.T) {
	for _, status := range []int{hbone.StatusBadRequest, hbone.StatusUnauthorized, hbone.StatusUnavailable} {
		tn, _ := pair(t, Options{}, func(in tunnel.Incoming) { in.Reject(status) })
		var se *tunnel.StatusError
		if _, _, err := tn.Open(context.Background(), target); !errors.As(err, &se) || se.Status != status {
			t.Errorf("got %v, want %d", err, status)
		}
	}
}

// A panic resets its own stream, is reported, and touches no other.
func TestPanicOfAHandler(t *testing.T) {
	var reported atomic.Value
	var calls atomic.Int32
	tn, _ := pair(t, Options{OnPanic: func(v any, stack []byte) { reported.Store(v.(string) + string(stack)) }}, func(in tunnel.Incoming) {
		if calls.Add(1) == 2 {
			s, _ := in.Accept(hbone.Header{})
			io.ReadFull(s, make([]byte, 1))
			panic("boom")
		}
		echo(in)
	})
	other := open(t, tn)
	s := open(t, tn)
	write(t, s, "x")
	_, err := s.Read(make([]byte, 1))
	wantReset(t, err, http2.ErrCodeInternal)
	if r, _ := reported.Load().(string); !strings.Contains(r, "boom") || !strings.Contains(r, "TestPanicOfAHandler") {
		t.Errorf("reported %q", r)
	}
	write(t, other, "still here")
	other.CloseWrite()
	if got := readAll(t, other); got != "still here" {
		t.Errorf("read %q", got)
	}
}

func TestAHandlerThatDoesNothing(t *testing.T) {
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) {})
	_, _, err := tn.Open(context.Background(), target)
	wantReset(t, err, http2.ErrCodeCancel)
}

func TestAHandlerThatForgetsItsStream(t *testing.T) {
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) { in.Accept(hbone.Header{}) })
	s, _, err := tn.Open(context.Background(), target)
	if err == nil {
		_, err = s.Read(make([]byte, 1))
		s.Close()
	}
	wantReset(t, err, http2.ErrCodeCancel)
}

// The context of a request ends with the wish for it.
func TestContextOfARequest(t *testing.T) {
	for name, end := range map[string]func(cancel context.CancelFunc, tn tunnel.Tunnel){
		"the client gives up": func(cancel context.CancelFunc, tn tunnel.Tunnel) { cancel() },
		"the tunnel ends":     func(cancel context.CancelFunc, tn tunnel.Tunnel) { tn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			come, gone := make(chan struct{}), make(chan error, 1)
			tn, _ := pair(t, Options{}, func(in tunnel.Incoming) {
				close(come)
				<-in.Context().Done()
				_, err := in.Accept(hbone.Header{})
				gone <- err
			})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, _, err := tn.Open(ctx, target)
				done <- err
			}()
			<-come
			end(cancel, tn)
			within(t, "the handler", func() {
				if err := <-gone; err == nil {
					t.Error("Accept succeeded afterwards")
				}
			})
			if err := <-done; err == nil {
				t.Error("Open succeeded")
			}
		})
	}
}

func TestOpenWithAnEndedContext(t *testing.T) {
	tn, _ := pair(t, Options{}, echo)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	cancel(why)
	if _, _, err := tn.Open(ctx, target); !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// What is no HTTP/2 is told so, and served nothing.
func TestNotHTTP2(t *testing.T) {
	cc, sc := loopback(t)
	s := serve(Options{}, sc, echo)
	defer s.drain()
	defer cc.Close()
	io.WriteString(cc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	w := newWire(t, cc)
	w.wantGoAway(http2.ErrCodeProtocol)
	var ce *ConnError
	if err := s.wait(t); !errors.As(err, &ce) {
		t.Errorf("Serve returned %v", err)
	}
}

// A port scanner is no error worth a protocol's word, but it is not nil.
func TestConnectAndLeave(t *testing.T) {
	cc, sc := loopback(t)
	s := serve(Options{}, sc, echo)
	defer s.drain()
	cc.Close()
	if err := s.wait(t); err == nil {
		t.Error("Serve returned nil")
	}
}

// The connection may fail while requests are in the read buffer: a stream made
// after that would be lost to nobody's knowledge, and its handler never end.
func TestNoStreamAfterTheLoss(t *testing.T) {
	cc, _ := loopback(t)
	c := newConn(cc, Options{}.resolved(), func(tunnel.Incoming) { t.Error("served") })
	c.fail(io.ErrUnexpectedEOF)
	if err := c.recvRequest(1, false, &hbone.Fields{}); err != io.ErrUnexpectedEOF || len(c.streams) != 0 {
		t.Errorf("got %v and %d streams", err, len(c.streams))
	}
	c.handlers.Wait()
	cc.Close()
}
