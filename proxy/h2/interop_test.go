package h2

//lint:file-ignore SA1019 x/net/http2 is deprecated in favour of net/http, which cannot serve a single connection. It is still what to compare with.

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The other implementation at hand, in both directions.

// theirServer serves h with x/net/http2 and returns our dialling end.
func theirServer(t *testing.T, h http.HandlerFunc) tunnel.Tunnel {
	t.Helper()
	cc, sc := loopback(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&http2.Server{}).ServeConn(sc, &http2.ServeConnOpts{Handler: h})
	}()
	tn, err := New(Options{}).Client(context.Background(), cc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tn.Close()
		<-done
	})
	return tn
}

// theirClient returns x/net/http2's client end to our server with h.
func theirClient(t *testing.T, h tunnel.Handler) *http2.ClientConn {
	t.Helper()
	cc, sc := loopback(t)
	s := serve(Options{}, sc, h)
	c, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(cc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.wait(t)
		s.drain()
	})
	return c
}

// flusher sends what is written at once, as a proxy over x/net must.
type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.w.(http.Flusher).Flush()
	return n, err
}

func theirEcho(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || r.Host != "10.0.0.1:80" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("baggage", "service.name="+r.Header.Get("Traceparent"))
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	io.Copy(flusher{w}, r.Body)
}

func random(seed byte, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
}

// sum reads r to its end.
func sum(r io.Reader) (digest [32]byte, n int64, err error) {
	h := sha256.New()
	n, err = io.Copy(h, r)
	return [32]byte(h.Sum(nil)), n, err
}

// echoes sends size bytes through an echo, half-closes, and compares what comes.
func echoes(t *testing.T, w io.Writer, closeWrite func() error, r io.Reader, size int64) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(struct{ io.Writer }{w}, random(3, size))
		sent <- errors.Join(err, closeWrite())
	}()
	got, n, err := sum(r)
	if want, _, _ := sum(random(3, size)); got != want || err != nil {
		t.Errorf("%d bytes came back of %d, %v", n, size, err)
	}
	if err := <-sent; err != nil {
		t.Errorf("sending: %v", err)
	}
}

func TestOurClientTheirServer(t *testing.T) {
	tn := theirServer(t, theirEcho)
	var g sync.WaitGroup
	for i := range 20 {
		g.Go(func() {
			head := target
			head.Header.Traceparent = hbone.NewTraceparent()
			s, h, err := tn.Open(context.Background(), head)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			defer s.Close()
			if h.Baggage != "service.name="+head.Header.Traceparent {
				t.Errorf("headers %+v", h)
			}
			echoes(t, s, s.CloseWrite, s, int64(i*i*10_000))
		})
	}
	g.Wait()
}

func TestOurClientTheirServerLarge(t *testing.T) {
	s := open(t, theirServer(t, theirEcho))
	echoes(t, s, s.CloseWrite, s, 64<<20)
}

func TestOurClientTheirServerStatus(t *testing.T) {
	tn := theirServer(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	var se *tunnel.StatusError
	for range 200 { // more than may be open at once: each must be released
		if _, _, err := tn.Open(context.Background(), target); !errors.As(err, &se) || se.Status != 503 {
			t.Fatalf("got %v", err)
		}
	}
}

// Their handler ends first: what it sent arrives, then the end.
func TestOurClientTheirServerEndsFirst(t *testing.T) {
	tn := theirServer(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "banner") })
	for range 20 {
		s := open(t, tn)
		if got := readAll(t, s); got != "banner" {
			t.Errorf("read %q", got)
		}
		waitFor(t, "their wish that we stop", func() bool {
			s := s.(*stream)
			s.c.mu.Lock()
			defer s.c.mu.Unlock()
			return s.gone
		})
		if _, err := s.Write([]byte("x")); err != nil {
			t.Errorf("Write: %v", err)
		}
		s.Close()
	}
}

func TestOurClientTheirServerAborts(t *testing.T) {
	s := open(t, theirServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	_, err := s.Read(make([]byte, 1))
	wantReset(t, err, http2.ErrCodeInternal)
}

func TestOurResetTheirServer(t *testing.T) {
	got := make(chan error, 1)
	tn := theirServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		_, err := r.Body.Read(make([]byte, 1))
		got <- err
	})
	open(t, tn).Reset()
	within(t, "their handler", func() {
		var se http2.StreamError
		if err := <-got; !errors.As(err, &se) || se.Code != http2.ErrCodeConnect {
			t.Errorf("they read %v", err)
		}
	})
}

func connectRequest(ctx context.Context, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, "https://10.0.0.1:80", body)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
	return r
}

func TestTheirClientOurServer(t *testing.T) {
	heads := make(chan hbone.Head, 100)
	c := theirClient(t, func(in tunnel.Incoming) {
		heads <- in.Head()
		echo(in)
	})
	var g sync.WaitGroup
	for i := range 20 {
		g.Go(func() {
			pr, pw := io.Pipe()
			res, err := c.RoundTrip(connectRequest(t.Context(), pr))
			if err != nil {
				t.Errorf("round trip: %v", err)
				return
			}
			defer res.Body.Close()
			h := <-heads
			if a, err := h.Authority(); err != nil || a.String() != "10.0.0.1:80" || !hbone.ValidTraceparent(h.Header.Traceparent) {
				t.Errorf("head %+v, %v", h, err)
			}
			echoes(t, pw, pw.Close, res.Body, int64(i*i*10_000))
		})
	}
	g.Wait()
}

func TestTheirClientOurServerLarge(t *testing.T) {
	c := theirClient(t, echo)
	pr, pw := io.Pipe()
	res, err := c.RoundTrip(connectRequest(t.Context(), pr))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	echoes(t, pw, pw.Close, res.Body, 64<<20)
}

func TestTheirClientOurServerRefuses(t *testing.T) {
	c := theirClient(t, func(in tunnel.Incoming) {
		if _, err := in.Head().Authority(); err != nil {
			in.Reject(hbone.StatusBadRequest)
			return
		}
		in.Reject(hbone.StatusUnauthorized)
	})
	for range 50 {
		res, err := c.RoundTrip(connectRequest(t.Context(), nil))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("status %d", res.StatusCode)
		}
		res, err = c.RoundTrip(&http.Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: "x", Path: "/"}, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("status %d of a GET", res.StatusCode)
		}
	}
}

func TestTheirClientOurReset(t *testing.T) {
	c := theirClient(t, func(in tunnel.Incoming) {
		s, _ := in.Accept(hbone.Header{})
		io.WriteString(s, "x")
		s.Reset()
	})
	pr, pw := io.Pipe()
	defer pw.Close()
	res, err := c.RoundTrip(connectRequest(t.Context(), pr))
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	var se http2.StreamError
	if !errors.As(err, &se) || se.Code != http2.ErrCodeConnect {
		t.Errorf("they got %v", err)
	}
}

func TestTheirClientCancels(t *testing.T) {
	gone := make(chan struct{})
	c := theirClient(t, func(in tunnel.Incoming) {
		in.Accept(hbone.Header{})
		<-in.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	defer pw.Close()
	res, err := c.RoundTrip(connectRequest(ctx, pr))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	res.Body.Close()
	within(t, "our handler", func() { <-gone })
}

// Our drain is understood: their client takes its next request elsewhere.
func TestTheirClientOurDrain(t *testing.T) {
	cc, sc := loopback(t)
	s := serve(Options{}, sc, echo)
	c, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(cc)
	if err != nil {
		t.Fatal(err)
	}
	pr, pw := io.Pipe()
	res, err := c.RoundTrip(connectRequest(t.Context(), pr))
	if err != nil {
		t.Fatal(err)
	}
	s.drain()
	waitFor(t, "GOAWAY", func() bool { return !c.CanTakeNewRequest() })
	echoes(t, pw, pw.Close, res.Body, 1<<20)
	if err := s.wait(t); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	c.Close()
}
