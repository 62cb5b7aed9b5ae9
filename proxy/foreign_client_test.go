package proxy_test

//lint:file-ignore SA1019 x/net/http2 is deprecated in favour of net/http, which has no connection of its own. It is a peer that is not ours.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// HBONE on what others have made alone, with a whole workload of ours at the other end: crypto/tls with x/net/http2, and
// quic-go's http3.

// theirTunnel is their end of one tunnel to the server pod, over the world's transport and its own client SVID.
func (w *two) theirTunnel(t *testing.T) http.RoundTripper {
	t.Helper()
	if !w.quic {
		return w.xnetTunnel(t)
	}
	tr, err := w.foreign(t, w.svid(t, w.client.workload.Identity))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// xnetTunnel is their end of one tunnel to the server pod, over its own client SVID.
func (w *two) xnetTunnel(t *testing.T) *http2.ClientConn {
	t.Helper()
	c, err := w.handshake(t, w.svid(t, w.client.workload.Identity))
	if err != nil {
		t.Fatal(err)
	}
	cc, err := (&http2.Transport{}).NewClientConn(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return cc
}

// connect opens a stream; what is written to the first goes up.
func connect(ctx context.Context, c http.RoundTripper, to netip.AddrPort) (*io.PipeWriter, *http.Response, error) {
	up, sent := io.Pipe()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: to.String()}, Host: to.String(), Header: http.Header{}, Body: up}
	resp, err := c.RoundTrip(r.WithContext(ctx))
	return sent, resp, err
}

// echoOver sends n bytes up, half-closes, and wants them back.
func echoOver(ctx context.Context, c http.RoundTripper, to netip.AddrPort, n int) error {
	up, resp, err := connect(ctx, c, to)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	text := strings.Repeat("0123456789abcdef", n/16)
	go func() { _, err := io.WriteString(up, text); up.CloseWithError(err) }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && string(b) != text {
		err = fmt.Errorf("%d bytes came back of %d, or not the same", len(b), n)
	}
	return err
}

func echoTCP(c *net.TCPConn) {
	_, _ = io.Copy(c, c)
	_ = c.CloseWrite()
}

// Conformance 49: 100 streams of a client on x/net/http2, or on quic-go's http3, share a tunnel into a whole workload.
func TestAClientOfOthers(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, echoTCP)
		c := w.theirTunnel(t)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := echoOver(t.Context(), c, at(w.B4, 8080), 64<<10); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := echoOver(t.Context(), c, at(w.B4, 8080), 4<<20); err != nil {
			t.Errorf("4 MiB: %v", err)
		}
		w.server.waitLine(t, "direction=inbound", "src.identity=spiffe://cluster.local/ns/a/sa/client", "bytes_sent=65536", "bytes_recv=65536")
	})
}

// Conformance 23: a client on x/net/http2, or on quic-go's http3, is answered with 401, and its tunnel goes on.
func TestAClientOfOthersIsDenied(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, whoami)
		w.server.serve(t, 8081, echoTCP)
		c := w.theirTunnel(t)
		for range 10 {
			up, resp, err := connect(t.Context(), c, at(w.B4, 8080))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			up.Close()
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("status %d, want 401", resp.StatusCode)
			}
		}
		if err := echoOver(t.Context(), c, at(w.B4, 8081), 1<<10); err != nil {
			t.Errorf("allowed, in the same tunnel: %v", err)
		}
	}, deny(8080))
}

// Conformance 97: a draining workload lets the stream of a client on x/net/http2 finish.
// Conformance 100: while it drains an open stream works, its tunnel takes no other, and nobody listens for a new one.
func TestADrainThatXNetSees(t *testing.T) {
	overHTTP2(t, func(t *testing.T, w *two) {
		w.server.stop()
		w.drain = patience
		w.server = w.start(t, "a/server", w.B)
		w.server.serve(t, 8080, echoTCP)
		c := w.xnetTunnel(t)
		up, resp, err := connect(t.Context(), c, at(w.B4, 8080))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.server.stop() }()
		eventually(t, "GOAWAY", func() bool { return !c.CanTakeNewRequest() })
		if _, err := w.A.Dial(t.Context(), netns.DialOptions{Remote: at(w.B4, redirect.HBONEPort), Mark: redirect.MarkProxy}); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a new tunnel while the workload drains: %v, want a refusal", err)
		}
		if _, err := io.WriteString(up, "still here"); err != nil {
			t.Fatal(err)
		}
		up.Close()
		if got := readAll(t, resp.Body); got != "still here" {
			t.Errorf("the open stream read %q", got)
		}
		<-stopped
	})
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("hang: waiting for %s", what)
		}
	}
}
