package contract

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// What a tunnel promises of its streams' beginnings and of its own end.

func headers(t *testing.T, make_ Maker) {
	heads := make(chan hbone.Head, 1)
	answer := hbone.Header{Baggage: "who=server"}
	tn, _, _ := make_(t, func(in tunnel.Incoming) {
		heads <- in.Head()
		if s, err := in.Accept(answer); err == nil {
			_ = s.CloseWrite()
			s.Close()
		}
	}, Given{})
	s, h, err := tn.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := <-heads; got != target {
		t.Errorf("head %+v, want %+v", got, target)
	}
	if h != answer {
		t.Errorf("answer %+v, want %+v", h, answer)
	}
}

func rejects(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, func(in tunnel.Incoming) {
		if err := in.Reject(503); err != nil {
			t.Error(err)
		}
		if err := in.Reject(503); err == nil {
			t.Error("a second answer")
		}
	}, Given{})
	_, _, err := tn.Open(t.Context(), target)
	var status *tunnel.StatusError
	if !errors.As(err, &status) || status.Status != 503 {
		t.Errorf("got %v", err)
	}
}

func malformed(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, func(in tunnel.Incoming) {
		if in.Head().Malformed == "" {
			t.Errorf("head %+v", in.Head())
		}
		if _, err := in.Accept(hbone.Header{}); err == nil {
			t.Error("it was accepted")
		}
		_ = in.Reject(400)
	}, Given{})
	bad := target
	bad.Header.Baggage = "a\nb"
	_, _, err := tn.Open(t.Context(), bad)
	var status *tunnel.StatusError
	if !errors.As(err, &status) || status.Status != 400 {
		t.Errorf("got %v", err)
	}
}

func silent(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, func(tunnel.Incoming) {}, Given{})
	_, _, err := tn.Open(t.Context(), target)
	wantReset(t, err)
}

func panics(t *testing.T, make_ Maker) {
	var mu sync.Mutex
	var said any
	first := true
	tn, _, _ := make_(t, func(in tunnel.Incoming) {
		mu.Lock()
		panics := first
		first = false
		mu.Unlock()
		if panics {
			panic("poison")
		}
		echo(in)
	}, Given{OnPanic: func(v any, stack []byte) {
		mu.Lock()
		defer mu.Unlock()
		if said = v; len(stack) == 0 {
			t.Error("no stack")
		}
	}})
	_, _, err := tn.Open(t.Context(), target)
	wantReset(t, err)
	mu.Lock()
	if said != "poison" {
		t.Errorf("told %v", said)
	}
	mu.Unlock()
	s := open(t, tn)
	write(t, s, "x")
	_ = s.CloseWrite()
	if got := readAll(t, s); got != "x" {
		t.Errorf("read %q from the stream beside it", got)
	}
}

func keeps(t *testing.T, make_ Maker) {
	returned := make(chan struct{})
	released := make(chan struct{})
	tn, _, _ := make_(t, func(in tunnel.Incoming) {
		s, err := in.Accept(hbone.Header{})
		if err != nil {
			return
		}
		release := in.Keep()
		go func() {
			<-returned
			_, _ = io.WriteString(s, "later")
			_ = s.CloseWrite()
			_, _ = io.Copy(io.Discard, s)
			release()
			close(released)
		}()
	}, Given{})
	s := open(t, tn)
	close(returned)
	if got := readAll(t, s); got != "later" {
		t.Errorf("read %q", got)
	}
	_ = s.CloseWrite()
	<-released
}

func givesUp(t *testing.T, make_ Maker) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	tn, _, _ := make_(t, func(in tunnel.Incoming) {
		cancel()
		<-in.Context().Done()
		close(ended)
	}, Given{})
	if _, _, err := tn.Open(ctx, target); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	within(t, "the handler hears of it", func() { <-ended })
	if !tn.Usable() {
		t.Error("the tunnel is not usable any more")
	}
}

// leaves: GOAWAY, no stream more, the open one goes on, and the tunnel ends with it.
func leaves(t *testing.T, make_ Maker) {
	e := both(t, make_)
	c, s := e.stream(t)
	e.drain()
	within(t, "GOAWAY", func() { <-e.tn.Leaving() })
	_, _, err := e.tn.Open(t.Context(), target)
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) || e.tn.Usable() {
		t.Errorf("opened in a tunnel that leaves: %v", err)
	}
	halves(t, c, s)
	c.Close()
	s.Close()
	e.tn.Drain()
	within(t, "the tunnel ends", func() { <-e.tn.Done() })
}

// drains: what was under way arrives, though nobody waits for it.
func drains(t *testing.T, make_ Maker) {
	e := both(t, make_)
	c, s := e.stream(t)
	write(t, s, "answer")
	_ = s.CloseWrite()
	if got := readAll(t, c); got != "answer" {
		t.Fatalf("read %q", got)
	}
	e.tn.Drain()
	if _, _, err := e.tn.Open(t.Context(), target); err == nil {
		t.Error("opened in a tunnel that drains")
	}
	write(t, c, "last words")
	_ = c.CloseWrite()
	c.Close()
	if got := readAll(t, s); got != "last words" {
		t.Errorf("read %q", got)
	}
	s.Close()
	within(t, "the tunnel ends", func() { <-e.tn.Done() })
}

func lost(t *testing.T, make_ Maker) {
	e := both(t, make_)
	c, _ := e.stream(t)
	e.lose()
	within(t, "the loss is noticed", func() {
		_, err := c.Read(make([]byte, 1))
		wantLost(t, err)
	})
	within(t, "the tunnel ends", func() { <-e.tn.Done() })
	_, _, err := e.tn.Open(t.Context(), target)
	var lost *tunnel.LostError
	if !errors.As(err, &lost) || e.tn.Usable() {
		t.Errorf("got %v", err)
	}
}

func many(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, echo, Given{})
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			s, _, err := tn.Open(t.Context(), target)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			text := string(make([]byte, 3000))
			if _, err := io.WriteString(s, text); err != nil {
				t.Error(err)
			}
			_ = s.CloseWrite()
			if b, err := io.ReadAll(s); err != nil || string(b) != text {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
	all.Wait()
}
