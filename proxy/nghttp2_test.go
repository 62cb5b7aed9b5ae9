package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// HBONE on nghttp2, with a whole workload of ours at the other end: nghttpx as a forward proxy speaks CONNECT over TLS in both
// directions.

func nghttp2(t *testing.T) {
	t.Helper()
	if os.Getenv("BULKHEAD_NGHTTP2") == "" {
		t.Skip("set BULKHEAD_NGHTTP2=1, or make nghttp2, to run nghttpx, nghttp and h2load against us")
	}
}

// pemFiles writes an SVID as programs want it.
func pemFiles(t *testing.T, c tls.Certificate) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	var chain bytes.Buffer
	for _, der := range c.Certificate {
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	der, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{cert: chain.Bytes(), key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// inside runs a program in a namespace until the test ends, and returns when the port is listened at.
func inside(t *testing.T, ns *netns.Namespace, at netip.AddrPort, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := ns.Do(c.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, &said)
		}
	})
	eventually(t, name, func() bool {
		probe, err := ns.Dial(t.Context(), netns.DialOptions{Remote: at, Mark: redirect.MarkProxy})
		if err != nil {
			return false
		}
		probe.Close()
		return true
	})
}

// through asks an HTTP/1.1 proxy for a connection and wants back what it says.
func through(c net.Conn, to netip.AddrPort, text string) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("no tunnel: %v, %v", resp, err)
	}
	go func() { _, _ = io.WriteString(c, text) }()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != text {
		return fmt.Errorf("read %d bytes, %v, or not the same", len(got), err)
	}
	return nil
}

func TestAClientOnNGHTTP2(t *testing.T) {
	nghttp2(t)
	w := newTwo(t)
	w.server.serve(t, 8080, echoTCP)
	uncapture(t, w.A) // nghttpx sets no mark
	cert, key := pemFiles(t, w.svid(t, w.client.workload.Identity))
	front := netip.MustParseAddrPort("127.0.0.1:3128")
	inside(t, w.A, front, "nghttpx", "--conf=/dev/null", "--http2-proxy", "--workers=1", "--single-process", "-k", "--errorlog-file=/dev/stderr",
		"--frontend=127.0.0.1,3128;no-tls", fmt.Sprintf("--backend=%s,15008;;tls;proto=h2", w.B4), "--client-cert-file="+cert, "--client-private-key-file="+key)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c, err := w.A.Dial(t.Context(), netns.DialOptions{Remote: front})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if err := through(c, at(w.B4, 8080), strings.Repeat("nghttp2 ", 128<<10)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.server.waitLine(t, "direction=inbound", "src.identity=spiffe://cluster.local/ns/a/sa/client", "bytes_recv=1048576")
}

func TestAServerOnNGHTTP2(t *testing.T) {
	nghttp2(t)
	w := newTwo(t)
	w.server.stop()
	// nghttpx hands a CONNECT on to a proxy of HTTP/1.1: this one is the application.
	w.server.serve(t, 3128, func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return // the probe of inside
		}
		if req.Method != http.MethodConnect || req.Host != at(w.B4, 8080).String() || len(req.Header["Traceparent"]) != 1 || len(req.Header["Baggage"]) != 1 {
			t.Errorf("%s %s %v", req.Method, req.Host, req.Header)
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
		_, _ = io.Copy(c, r)
	})
	cert, key := pemFiles(t, w.svid(t, w.server.workload.Identity))
	inside(t, w.B, at(w.B4, redirect.HBONEPort), "nghttpx", "--conf=/dev/null", "--http2-proxy", "--workers=1", "--single-process", "--errorlog-file=/dev/stderr", "--no-ocsp", "--backend-connections-per-host=100",
		fmt.Sprintf("--frontend=*,%d", redirect.HBONEPort), "--backend=127.0.0.1,3128", "--tls-min-proto-version=TLSv1.3", key, cert)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c := w.client.dial(t, at(w.B4, 8080))
			text := strings.Repeat("nghttp2 ", 128<<10)
			go func() { _, _ = io.WriteString(c, text) }()
			got := make([]byte, len(text))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
				t.Errorf("read: %v, or not the same", err)
			}
		})
	}
	all.Wait()
}
