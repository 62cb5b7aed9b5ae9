package h2

//lint:file-ignore SA1019 x/net/http2 is deprecated in favour of net/http, which cannot serve a single connection. It is still what to compare with.

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Traces are what one end of a real conversation sent, to be mangled and sent again.
// They are files, so that every run mangles the same bytes: testdata/traces has both
// ends of ours with ours, and of each with x/net's.
var record = flag.Bool("record", false, "record testdata/traces anew")

// The conversation: stream 1 echoes to the end, 3 echoes and half-closes, 5 is reset,
// 7 has a head of two frames and is rejected, 9 is a download.
const (
	stays, half, broken, large, down = "10.0.0.1:1", "10.0.0.1:3", "10.0.0.1:5", "10.0.0.1:7", "10.0.0.1:9"

	downSize = 40_000
)

func trace(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "traces", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tap keeps what is written through it.
type tap struct {
	*net.TCPConn
	mu sync.Mutex
	b  bytes.Buffer
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.Write(p)
	return c.TCPConn.Write(p)
}

func TestRecordTraces(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	for name, kinds := range map[string][2]bool{"ours-ours": {true, true}, "xnet-ours": {false, true}, "ours-xnet": {true, false}} {
		c, s := loopback(t)
		client, server := &tap{TCPConn: c}, &tap{TCPConn: s}
		served := make(chan struct{})
		go func() {
			defer close(served)
			if kinds[1] {
				_ = New(Options{}).Serve(context.Background(), server, converse)
			} else {
				(&http2.Server{}).ServeConn(server, &http2.ServeConnOpts{Handler: http.HandlerFunc(converseXNet)})
			}
		}()
		if kinds[0] {
			talk(t, client)
		} else {
			talkXNet(t, client)
		}
		<-served
		for end, tap := range map[string]*tap{"client": client, "server": server} {
			if err := os.WriteFile(filepath.Join("testdata", "traces", name+"."+end), tap.b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// converse is our accepting end of the conversation.
func converse(in tunnel.Incoming) {
	if in.Head().RawAuthority == large {
		_ = in.Reject(hbone.StatusUnauthorized)
		return
	}
	s, err := in.Accept(hbone.Header{Baggage: "service.name=x"})
	if err != nil {
		_ = in.Reject(hbone.StatusBadRequest)
		return
	}
	defer s.Close()
	if in.Head().RawAuthority == down {
		_, _ = s.Write(make([]byte, downSize))
		_ = s.CloseWrite()
		to := newSink()
		to.take = func(n int) (int, error) { return n / 2, nil }
		forward(s, to)
		<-to.ended
		return
	}
	if _, err := io.Copy(s, s); err == nil {
		_ = s.CloseWrite()
	}
}

// converseXNet is x/net's.
func converseXNet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("baggage", "service.name=x")
	switch r.Host {
	case large:
		w.WriteHeader(hbone.StatusUnauthorized)
	case down:
		_, _ = w.Write(make([]byte, downSize))
	default:
		w.(http.Flusher).Flush()
		_, _ = io.Copy(flusher{w}, r.Body)
	}
}

func headOf(authority string) hbone.Head {
	h := hbone.Head{Method: hbone.MethodConnect, RawAuthority: authority, Header: hbone.Header{Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}}
	if authority == large {
		h.Header.Baggage = "k=" + strings.Repeat("!", 16_500)
	}
	return h
}

// talk is our dialling end of the conversation.
func talk(t *testing.T, nc net.Conn) {
	tn, err := New(Options{}).Client(context.Background(), nc)
	if err != nil {
		t.Fatal(err)
	}
	stays := open1(t, tn, stays)
	swap(t, stays, stays)
	s := open1(t, tn, half)
	swap(t, s, s)
	_ = s.CloseWrite()
	readAll(t, s)
	s = open1(t, tn, broken)
	swap(t, s, s)
	_ = s.Reset()
	_, _, _ = tn.Open(context.Background(), headOf(large))
	s = open1(t, tn, down)
	_ = s.CloseWrite()
	readAll(t, s)
	tn.Drain()
	_ = stays.CloseWrite()
	readAll(t, stays)
	<-tn.Done()
}

func open1(t *testing.T, tn tunnel.Tunnel, authority string) tunnel.Stream {
	s, _, err := tn.Open(context.Background(), headOf(authority))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// swap sends a little and waits for its echo.
func swap(t *testing.T, w io.Writer, r io.Reader) {
	b := []byte("hello, hello")
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
}

// talkXNet is x/net's.
func talkXNet(t *testing.T, nc net.Conn) {
	c, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(nc)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(authority string) (*io.PipeWriter, *http.Response) {
		pr, pw := io.Pipe()
		r := connectRequest(t.Context(), pr)
		h := headOf(authority)
		r.Host = authority
		r.Header.Set("baggage", h.Header.Baggage)
		res, err := c.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return pw, res
	}
	keep, kept := ask(stays)
	swap(t, keep, kept.Body)
	w, r := ask(half)
	swap(t, w, r.Body)
	w.Close()
	readAll(t, r.Body)
	w, r = ask(broken)
	swap(t, w, r.Body)
	r.Body.Close()
	w.Close()
	w, r = ask(large)
	w.Close()
	r.Body.Close()
	w, r = ask(down)
	w.Close()
	readAll(t, r.Body)
	keep.Close()
	readAll(t, kept.Body)
	c.Close()
}

// split cuts a trace, the preface apart, into its frames.
func split(t testing.TB, b []byte) (preface []byte, frames [][]byte) {
	t.Helper()
	if bytes.HasPrefix(b, []byte(http2.ClientPreface)) {
		preface, b = b[:len(http2.ClientPreface)], b[len(http2.ClientPreface):]
	}
	for len(b) > 0 {
		n := frameHeaderSize + int(binary.BigEndian.Uint32(b)>>8)
		if len(b) < n {
			t.Fatalf("a trace ends within a frame: %d bytes of %d", len(b), n)
		}
		frames, b = append(frames, b[:n]), b[n:]
	}
	return preface, frames
}
