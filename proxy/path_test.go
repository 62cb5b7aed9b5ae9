package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Conformance 15: a service's port is the endpoint's port at the other end.
// Conformance 102: the client's own address arrives, and the record names the peer.
func TestTheApplicationSeesTheClientsOwnAddress(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, whoami)
		for name, c := range map[string]struct{ from, to netip.Addr }{"IPv4": {w.A4, w.B4}, "IPv6": {w.A6, w.B6}} {
			t.Run(name, func(t *testing.T) {
				if got := readAll(t, w.client.dial(t, at(c.to, 8080))); got != c.from.String() {
					t.Errorf("the application saw %s, want %s", got, c.from)
				}
			})
		}
		t.Run("service address", func(t *testing.T) {
			if got := readAll(t, w.client.dial(t, netip.MustParseAddrPort("10.96.0.1:80"))); got != w.A4.String() {
				t.Errorf("the application saw %s, want %s", got, w.A4)
			}
		})
		line := w.server.waitLine(t, "direction=inbound", "stage=relay")
		if !strings.Contains(line, "src.identity=spiffe://cluster.local/ns/a/sa/client") {
			t.Errorf("the record does not name the peer: %s", line)
		}
	})
}

// I1: what the client says is nowhere on the wire, and it is when nothing captures.
// Conformance 102: captured: no byte in plaintext; not captured: the same bytes are seen.
func TestNothingIsOnTheWireInPlaintext(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		wire := sandbox.NewSniffer(t, w.B)
		marker := []byte("MARKER-4711-secret")
		say := func() {
			c := w.client.dial(t, at(w.B4, 8080))
			if _, err := c.Write(marker); err != nil {
				t.Fatal(err)
			}
			_ = c.CloseWrite()
			if got := readAll(t, c); got != string(marker) {
				t.Fatalf("echo %q", got)
			}
		}
		say()
		if wire.Packets() == 0 {
			t.Fatal("the sniffer saw no packet at all")
		}
		if n := wire.Seen(marker); n != 0 {
			t.Errorf("%d packets with the marker in plaintext", n)
		}
		uncapture(t, w.A)
		uncapture(t, w.B)
		say()
		if wire.Seen(marker) == 0 {
			t.Error("without capture the marker must be seen: the test cannot tell")
		}
	})
}

// I6: the client half-closes and goes on reading; the server does, and goes on too.
func TestHalfCloseBothWays(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) {
			b, _ := io.ReadAll(c)
			fmt.Fprintf(c, "got %d", len(b))
		})
		w.server.serve(t, 8081, func(c *net.TCPConn) {
			fmt.Fprint(c, "hello")
			_ = c.CloseWrite()
			b, _ := io.ReadAll(c)
			w.server.lines.Write(fmt.Appendf(nil, "application read %d bytes\n", len(b)))
		})
		c := w.client.dial(t, at(w.B4, 8080))
		fmt.Fprint(c, "12345")
		_ = c.CloseWrite()
		if got := readAll(t, c); got != "got 5" {
			t.Errorf("client first: %q", got)
		}
		c = w.client.dial(t, at(w.B4, 8081))
		if got := readAll(t, c); got != "hello" { // EOF although we have not closed
			t.Errorf("server first: %q", got)
		}
		fmt.Fprint(c, "1234567")
		_ = c.CloseWrite()
		w.server.waitLine(t, "application read 7 bytes")
	})
}

// I6: a reset stays a reset.
func TestResetIsAReset(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 1))
			_ = c.SetLinger(0)
		})
		c := w.client.dial(t, at(w.B4, 8080))
		fmt.Fprint(c, "x")
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client read %v, want a reset", err)
		}
	})
}

// Conformance 102: 16 MiB there and back.
// Conformance 109: through two proxies.
func TestManyBytesBothWays(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		c := w.client.dial(t, at(w.B6, 8080))
		data := make([]byte, 16<<20)
		_, _ = rand.Read(data)
		sent := make(chan error, 1)
		go func() {
			_, err := io.Copy(c, bytes.NewReader(data))
			sent <- errors.Join(err, c.CloseWrite())
		}()
		h := sha256.New()
		n, err := io.Copy(h, c)
		if err != nil || <-sent != nil {
			t.Fatal(err)
		}
		if want := sha256.Sum256(data); n != int64(len(data)) || !bytes.Equal(h.Sum(nil), want[:]) {
			t.Errorf("%d bytes came back, or not the same ones", n)
		}
	})
}

// Unmodified programs: HTTP/1.1 and HTTP/2 of the standard library.
func TestHTTP(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		protocols.SetUnencryptedHTTP2(true)
		s := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprintf(rw, "%s %s", r.Proto, r.RemoteAddr) })}
		l := listen(t, w.B, 8080)
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		defer func() { s.Close(); <-served }()
		for _, version := range []int{1, 2} {
			p := new(http.Protocols)
			p.SetHTTP1(version == 1)
			p.SetUnencryptedHTTP2(version == 2)
			tr := &http.Transport{Protocols: p, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				return w.client.dial(t, netip.MustParseAddrPort(address)), nil
			}}
			for range 5 {
				resp, err := (&http.Client{Transport: tr}).Get("http://" + at(w.B4, 8080).String() + "/")
				if err != nil {
					t.Fatal(err)
				}
				body := readAll(t, resp.Body)
				resp.Body.Close()
				if want := fmt.Sprintf("HTTP/%d.", version); !strings.HasPrefix(body, want) || !strings.Contains(body, w.A4.String()) {
					t.Errorf("body %q", body)
				}
			}
			tr.CloseIdleConnections()
		}
	})
}

// A server that is not there is a reset for the client, and 503 in the record.
// Conformance 107: the records of both ends say why, and at which stage.
func TestNobodyListens(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.client.wantRefused(t, at(w.B4, 4444))
		w.server.waitLine(t, "direction=inbound", "stage=deliver", "status=503")
		w.client.waitLine(t, "direction=outbound", "stage=tunnel", "503")
	})
}

// I2: a denied connection is not delivered, with or without a tunnel.
// Conformance 23: a denied stream is answered with 401, and the record names the policy.
func TestPolicy(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, whoami)
		w.server.serve(t, 8081, whoami)
		if got := readAll(t, w.client.dial(t, at(w.B4, 8081))); got != w.A4.String() {
			t.Errorf("allowed port: %q", got)
		}
		w.client.wantRefused(t, at(w.B4, 8080))
		w.server.waitLine(t, "direction=inbound", "stage=policy", "status=401", "explicitly denied by: a/no-8080")
	}, mesh.Policy{Name: "no-8080", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{Ports: []uint16{8080}}}}})
}

// A peer outside the mesh reaches the pod in plaintext, under the same policy.
func TestPlaintextFromOutsideTheMesh(t *testing.T) {
	w := newTwo(t, mesh.Policy{Name: "only-mesh", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Allow,
		Rules: []mesh.Rule{{Match: mesh.Match{Namespaces: []string{"a"}}}, {Match: mesh.Match{Ports: []uint16{8081}}}}})
	uncapture(t, w.A) // the client leaves the mesh
	w.server.serve(t, 8080, whoami)
	w.server.serve(t, 8081, whoami)
	if got := readAll(t, w.client.dial(t, at(w.B4, 8081))); got != w.A4.String() {
		t.Errorf("allowed: the application saw %q, want the client's own address", got)
	}
	w.client.wantRefused(t, at(w.B4, 8080))
	w.server.waitLine(t, "direction=plaintext", "stage=policy")
}

// An address outside the mesh is passed through, with the same record.
// Conformance 1: an address outside the mesh gets the connection, with a record.
func TestPassthrough(t *testing.T) {
	w := newTwo(t)
	l := listen(t, w.B, 7000) // B listens, but on an address that the mesh does not know
	defer l.Close()
	addAddress(t, w.B, "10.77.0.99/24")
	go func() {
		if c, err := l.AcceptTCP(); err == nil {
			fmt.Fprint(c, "outside")
			c.Close()
		}
	}()
	uncapture(t, w.B)
	c := w.client.dial(t, netip.MustParseAddrPort("10.77.0.99:7000"))
	if got := readAll(t, c); got != "outside" {
		t.Errorf("read %q", got)
	}
	c.Close()
	w.client.waitLine(t, "direction=outbound", "dst.addr=10.77.0.99:7000", "bytes_recv=7")
}

// Drain: an open connection may finish, and is cut at the deadline.
// Conformance 98: cut at the deadline and not before.
func TestDrainCutsAtTheDeadline(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		c := w.client.dial(t, at(w.B4, 8080))
		fmt.Fprint(c, "x")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		w.client.stop() // Drain is a second, and this connection would last for ever
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %v, want a reset", err)
		}
		if time.Since(begin) < time.Second {
			t.Error("the connection was cut before the deadline")
		}
		w.client.waitLine(t, "direction=outbound", "connection drain")
	})
}

// Cut does not wait: the pod is gone.
// Conformance 101: cut without a wait.
func TestCutDoesNotWait(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		c := w.client.dial(t, at(w.B4, 8080))
		fmt.Fprint(c, "x")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		w.client.work.Cut()
		w.client.stop()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %v, want a reset", err)
		}
	})
}

// Conformance 106: from a pod, over its own address, loopback, and its peer's.
func TestOwnPortsLeadNowhere(t *testing.T) {
	w := newTwo(t)
	for _, to := range []netip.AddrPort{
		at(w.A4, 15001), at(w.A4, 15006), at(netip.MustParseAddr("127.0.0.1"), 15001), at(netip.MustParseAddr("127.0.0.1"), 15006),
		at(w.B4, 15001), at(w.B4, 15006), at(w.B4, 15008), at(w.B6, 15001),
	} {
		t.Run(to.String(), func(t *testing.T) {
			c, err := w.client.tryDial(t, to)
			if err != nil {
				return // refused
			}
			fmt.Fprint(c, "GET / HTTP/1.1\r\n\r\n")
			line, err := bufio.NewReader(c).ReadString('\n')
			if err == nil {
				t.Errorf("an answer: %q", line)
			}
		})
	}
}

// The peer takes the connection and never answers. When the client gives up, so do we,
// at once and with the reason, instead of carrying its request when the peer is back.
func TestAClientThatGivesUpIsNotWaitedFor(t *testing.T) {
	w := newTwo(t)
	w.server.stop()
	silent := listen(t, w.B, redirect.NodePorts.HBONE)
	defer silent.Close()
	c := w.client.dial(t, at(w.B4, 8080))
	if _, err := c.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // what tells giving up from a half-close
	c.Close()
	line := w.client.waitLine(t, "direction=outbound", "stage=tunnel")
	if !strings.Contains(line, "the client went away") {
		t.Errorf("the record says otherwise: %s", line)
	}
}
