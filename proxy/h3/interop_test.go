package h3

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// TestHTTP3Client: a client that is not ours, quic-go's http3, against our accepting end.
func TestHTTP3Client(t *testing.T) {
	heads := make(chan hbone.Head, 1)
	cq, sq, _ := loopback(t, Options{})
	s := serve(Options{}, sq, func(in tunnel.Incoming) {
		heads <- in.Head()
		echo(in)
	})
	defer s.wait(t)
	defer s.drain()
	c := new(http3.Transport).NewClientConn(cq)
	defer cq.CloseWithError(codeNo, "")
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	stream, err := c.OpenRequestStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, "https://10.0.0.1:80", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Baggage", "k=v")
	if err := stream.SendRequestHeader(r); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.ReadResponse()
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	h := <-heads
	if a, err := h.Authority(); err != nil || a.String() != "10.0.0.1:80" || h.Header.Baggage != "k=v" {
		t.Errorf("head %+v: %v", h, err)
	}
	if _, err := io.WriteString(stream, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = stream.Close()
	if b, err := io.ReadAll(stream); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestHTTP3Server: a server that is not ours.
// Conformance 6: a server on quic-go's http3 gets a CONNECT with the address as authority.
func TestHTTP3Server(t *testing.T) {
	cq, sq, _ := loopback(t, Options{})
	server := &http3.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "10.0.0.1:80" || r.Header.Get("Traceparent") != target.Header.Traceparent {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Baggage", "who=server")
		w.WriteHeader(http.StatusOK)
		s, err := w.(http3.HTTPStreamer).HTTPStream()
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		_, _ = io.Copy(s, s)
	})}
	served := make(chan error, 1)
	go func() { served <- server.ServeQUICConn(sq) }()
	tn, err := New(Options{}).Client(t.Context(), cq)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { tn.Close(); <-served }()
	s, h, err := tn.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if h.Baggage != "who=server" {
		t.Errorf("answer %+v", h)
	}
	if _, err := io.WriteString(s, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = s.CloseWrite()
	if b, err := io.ReadAll(s); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
}

// echo sends back what comes, half-close included.
func echo(in tunnel.Incoming) {
	s, err := in.Accept(hbone.Header{})
	if err != nil {
		return
	}
	defer s.Close()
	if _, err := io.Copy(s, s); err == nil {
		_ = s.CloseWrite()
	}
}

var target = hbone.Head{Method: hbone.MethodConnect, RawAuthority: "10.0.0.1:80", Header: hbone.Header{Traceparent: hbone.NewTraceparent()}}

// TestGoAwayOfTheOtherKind: a foreign server that shuts down says GOAWAY, and the pool hears it.
// Conformance 53: after the GOAWAY of a server on quic-go's http3 the open stream goes on to its end.
func TestGoAwayOfTheOtherKind(t *testing.T) {
	cq, sq, _ := loopback(t, Options{})
	server := &http3.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		if s, err := w.(http3.HTTPStreamer).HTTPStream(); err == nil {
			_, _ = io.Copy(io.Discard, s)
			s.Close()
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.ServeQUICConn(sq) }()
	tn, err := New(Options{}).Client(t.Context(), cq)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { tn.Close(); <-served }()
	s, _, err := tn.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	go func() { ended <- server.Shutdown(ctx) }()
	select {
	case <-tn.Leaving():
	case <-time.After(hang):
		t.Fatal("no GOAWAY was heard")
	}
	_ = s.CloseWrite()
	_, _ = io.Copy(io.Discard, s)
	s.Close()
	tn.Drain()
	<-tn.Done()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
