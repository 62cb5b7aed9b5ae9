package proxy_test

//lint:file-ignore SA1019 x/net/http2 is deprecated in favour of net/http, which has no connection of its own. It is a peer that is not ours.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// xnetServer serves h at the server pod's HBONE port instead of our workload, and tells of each tunnel.
type xnetServer struct {
	*http.Server
	tunnels chan string // the identity at the other end
}

func (w *two) xnetServer(t *testing.T, o *http2.Server, h http.HandlerFunc) *xnetServer {
	t.Helper()
	w.server.stop()
	s := &xnetServer{&http.Server{Handler: h}, make(chan string, 100)}
	if err := http2.ConfigureServer(s.Server, o); err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{w.svid(t, w.server.workload.Identity)}, ClientAuth: tls.RequireAnyClientCert,
		NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
	}
	l := listen(t, w.B, redirect.NodePorts.HBONE)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			raw, err := l.AcceptTCP()
			if err != nil {
				return
			}
			all.Go(func() {
				c := tls.Server(raw, config)
				defer c.Close()
				if err := c.HandshakeContext(t.Context()); err != nil {
					t.Errorf("their handshake: %v", err)
					return
				}
				s.tunnels <- c.ConnectionState().PeerCertificates[0].URIs[0].String()
				o.ServeConn(c, &http2.ServeConnOpts{BaseConfig: s.Server, Handler: h})
			})
		}
	})
	t.Cleanup(func() { l.Close(); w.client.stop(); all.Wait() })
	return s
}

// eachForeign is eachTransport for a server of others, which has no records: it sees itself what its requests come by.
func eachForeign(t *testing.T, f func(t *testing.T, w *two)) {
	t.Run("http2", func(t *testing.T) { f(t, newTwo(t)) })
	t.Run("quic", func(t *testing.T) { f(t, newTwoWith(t, withQUIC)) })
}

// theirServer is an xnetServer. Over QUIC it announces quic-go's http3 beside it, and returns when the client has gone over
// to that; every request of h has come that way.
func (w *two) theirServer(t *testing.T, h http.HandlerFunc) *xnetServer {
	t.Helper()
	if !w.quic {
		return w.xnetServer(t, &http2.Server{}, h)
	}
	var over atomic.Bool
	both := func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == at(w.B4, meetPort).String():
			over.Store(r.ProtoMajor == 3)
			rw.Header().Set("Alt-Svc", fmt.Sprintf("h3=%q", fmt.Sprint(":", redirect.HBONEPort)))
			rw.WriteHeader(http.StatusServiceUnavailable)
		case r.ProtoMajor != 3:
			t.Errorf("not over QUIC: %s %s", r.Proto, r.Host)
		default:
			h(rw, r)
		}
	}
	s := w.xnetServer(t, &http2.Server{}, both)
	w.http3Server(t, s, both)
	eventually(t, "a request over HTTP/3", func() bool {
		w.client.wantRefused(t, at(w.B4, meetPort))
		return over.Load()
	})
	for len(s.tunnels) > 1 { // the last is the one over QUIC
		<-s.tunnels
	}
	return s
}

// http3Server serves h at the server pod's UDP port for HBONE.
func (w *two) http3Server(t *testing.T, s *xnetServer, h http.HandlerFunc) {
	t.Helper()
	pc, err := w.B.ListenUDP(redirect.HBONEPort, redirect.MarkProxy)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{w.svid(t, w.server.workload.Identity)}, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{h3.NextProto}}
	l, err := quic.Listen(pc, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := &http3.Server{Handler: h}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			s.tunnels <- c.ConnectionState().TLS.PeerCertificates[0].URIs[0].String()
			all.Go(func() { _ = server.ServeQUICConn(c) })
		}
	})
	t.Cleanup(func() { w.client.stop(); server.Close(); l.Close(); all.Wait(); pc.Close() })
}

func echoHTTP(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	f := http.NewResponseController(w)
	_ = f.Flush()
	b := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(b)
		if _, werr := w.Write(b[:n]); werr != nil || f.Flush() != nil || err != nil {
			return
		}
	}
}

// Conformance 6: a server on x/net/http2, or on quic-go's http3, gets a CONNECT at 15008 with the pod's address and port as authority.
// Conformance 18: what a whole workload sends is nothing but the headers of HBONE, each in its form.
func TestAServerOfOthers(t *testing.T) {
	eachForeign(t, func(t *testing.T, w *two) {
		heads := make(chan http.Request, 1)
		s := w.theirServer(t, func(rw http.ResponseWriter, r *http.Request) { heads <- *r; echoHTTP(rw, r) })
		c := w.client.dial(t, at(w.B4, 8080))
		fmt.Fprint(c, "hello")
		_ = c.CloseWrite()
		if got := readAll(t, c); got != "hello" {
			t.Errorf("read %q", got)
		}
		if got := <-s.tunnels; got != "spiffe://cluster.local/ns/a/sa/client" {
			t.Errorf("the tunnel is %s's", got)
		}
		r := <-heads
		if r.Method != http.MethodConnect || r.Host != at(w.B4, 8080).String() || r.URL.Path != "" {
			t.Errorf("%s %s, path %q", r.Method, r.Host, r.URL.Path)
		}
		if got, want := r.Header.Get("Forwarded"), fmt.Sprintf("for=%q", c.LocalAddr()); got != want {
			t.Errorf("forwarded %q, want %q", got, want)
		}
		for name, length := range map[string]int{"Baggage": -1, "Forwarded": -1, "Traceparent": 55} {
			if v := r.Header[name]; len(v) != 1 || v[0] == "" || length > 0 && len(v[0]) != length {
				t.Errorf("%s: %q", name, v)
			}
			delete(r.Header, name)
		}
		if len(r.Header) != 0 {
			t.Errorf("more headers: %v", r.Header)
		}
	})
}

// Conformance 51: a server on x/net/http2 that takes 2 streams in a tunnel: 4 connections are 2 tunnels, 5 more are 3 new ones.
func TestAServerOnXNetOfFewStreams(t *testing.T) {
	overHTTP2(t, func(t *testing.T, w *two) {
		s := w.xnetServer(t, &http2.Server{MaxConcurrentStreams: 2}, echoHTTP)
		hello := func(c *net.TCPConn) {
			t.Helper()
			fmt.Fprint(c, "x")
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []int{1, 1, 2, 2, 3, 3, 4, 4, 5} {
			hello(w.client.dial(t, at(w.B4, 8080)))
			if got := len(s.tunnels); got != want {
				t.Errorf("%d tunnels for %d connections, want %d", got, i+1, want)
			}
		}
	})
}

// Conformance 53: after the GOAWAY of a server on x/net/http2 the next connection has a new tunnel, and the open one goes on.
func TestAServerOnXNetGoesAway(t *testing.T) {
	overHTTP2(t, func(t *testing.T, w *two) {
		s := w.xnetServer(t, &http2.Server{}, echoHTTP)
		hello := func(c *net.TCPConn) {
			t.Helper()
			fmt.Fprint(c, "x")
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Error(err)
			}
		}
		old := w.client.dial(t, at(w.B4, 8080))
		hello(old)
		<-s.tunnels
		if err := s.Shutdown(t.Context()); err != nil { // GOAWAY to every tunnel; ours is no connection of its own
			t.Fatal(err)
		}
		<-s.tunnels // the successor, before anybody asks for it
		hello(w.client.dial(t, at(w.B4, 8080)))
		hello(old)
	})
}

// Conformance 107: the record of a connection says how a server on x/net/http2, or on quic-go's http3, refused or broke it.
func TestAServerOfOthersRefuses(t *testing.T) {
	eachForeign(t, func(t *testing.T, w *two) {
		w.theirServer(t, func(rw http.ResponseWriter, r *http.Request) {
			switch r.Host {
			case at(w.B4, 401).String():
				rw.WriteHeader(http.StatusUnauthorized)
			case at(w.B4, 503).String():
				rw.WriteHeader(http.StatusServiceUnavailable)
			default:
				fmt.Fprint(rw, "half")
				_ = http.NewResponseController(rw).Flush()
				_, _ = r.Body.Read(make([]byte, 1)) // what the client says when it has the half
				panic(http.ErrAbortHandler)
			}
		})
		for _, status := range []uint16{401, 503} {
			w.client.wantRefused(t, at(w.B4, status))
			w.client.waitLine(t, "direction=outbound", "stage=tunnel", fmt.Sprint(status))
		}
		c := w.client.dial(t, at(w.B4, 8080))
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "x")
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v, want a reset", err)
		}
		w.client.waitLine(t, "direction=outbound", "stage=relay", at(w.B4, 8080).String(), "error=")
	})
}
