package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A peer that is not ours: crypto/tls and net/http as anybody would use them,
// from the client pod's namespace with our mark, so that nothing captures it.

func addAddress(t *testing.T, ns *netns.Namespace, cidr string) {
	t.Helper()
	err := ns.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(cidr)
		if err != nil {
			return err
		}
		return netlink.AddrAdd(link, a)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// svid returns a certificate for id from the test's CA.
func (w *two) svid(t *testing.T, id identity.ID) tls.Certificate {
	t.Helper()
	s, err := w.issue(t, id).SVID()
	if err != nil {
		t.Fatal(err)
	}
	return *s.Certificate
}

// handshake opens a TLS connection to the server pod's HBONE port. TLS 1.3 lets a
// client finish before the server has checked it, so errors may show later.
func (w *two) handshake(t *testing.T, certs ...tls.Certificate) (*tls.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	raw, err := w.A.Dial(ctx, netns.DialOptions{Remote: at(w.B4, redirect.HBONEPort), Mark: redirect.MarkProxy})
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	c := tls.Client(raw, &tls.Config{Certificates: certs, InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13})
	t.Cleanup(func() { c.Close() })
	return c, c.HandshakeContext(ctx)
}

// handshakeQUIC is handshake over QUIC.
func (w *two) handshakeQUIC(t *testing.T, certs ...tls.Certificate) (*quic.Conn, error) {
	t.Helper()
	return w.dialQUIC(t, &tls.Config{Certificates: certs, InsecureSkipVerify: true, NextProtos: []string{h3.NextProto}})
}

func (w *two) dialQUIC(t *testing.T, config *tls.Config) (*quic.Conn, error) {
	t.Helper()
	pc, err := w.A.ListenUDP(0, redirect.MarkProxy)
	if err != nil {
		t.Fatal(err)
	}
	q := &quic.Transport{Conn: pc}
	t.Cleanup(func() { q.Close(); pc.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return q.Dial(ctx, net.UDPAddrFromAddrPort(at(w.B4, redirect.HBONEPort)), config, nil)
}

// greeted returns nil when the server pod lets a tunnel in: then it speaks first.
func (w *two) greeted(t *testing.T, certs ...tls.Certificate) error {
	t.Helper()
	if !w.quic {
		c, err := w.handshake(t, certs...)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // the alert
		}
		return err
	}
	c, err := w.handshakeQUIC(t, certs...)
	if err == nil {
		_, err = c.AcceptUniStream(t.Context())
	}
	return err
}

// foreign is a fresh tunnel of somebody else's to the server pod, over the world's transport: net/http's or quic-go's.
func (w *two) foreign(t *testing.T, cert tls.Certificate) (http.RoundTripper, error) {
	t.Helper()
	if w.quic {
		c, err := w.handshakeQUIC(t, cert)
		if err != nil {
			return nil, err
		}
		return new(http3.Transport).NewClientConn(c), nil
	}
	c, err := w.handshake(t, cert)
	if err != nil {
		return nil, err
	}
	h2 := new(http.Protocols)
	h2.SetHTTP2(true)
	tr := &http.Transport{Protocols: h2, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	t.Cleanup(tr.CloseIdleConnections)
	return tr, nil
}

// request sends one request over such a tunnel and returns the response.
func (w *two) request(t *testing.T, method, authority string, body io.Reader, cert tls.Certificate) (*http.Response, error) {
	t.Helper()
	tr, err := w.foreign(t, cert)
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: method, URL: &url.URL{Scheme: "https", Host: at(w.B4, 8080).String()}, Host: authority, Header: http.Header{}}
	if body != nil {
		r.Body = io.NopCloser(body)
	}
	return tr.RoundTrip(r.WithContext(t.Context()))
}

// Conformance 20: the pod's own address, and a hostname.
// Conformance 22: the port of a hostname becomes the endpoint's.
// Conformance 24: the answer carries baggage.
func TestAForeignPeerIsServed(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, func(c *net.TCPConn) {
			b, _ := io.ReadAll(c)
			fmt.Fprintf(c, "%s said %s", c.RemoteAddr().(*net.TCPAddr).IP, b)
		})
		for _, authority := range []string{at(w.B4, 8080).String(), "server.a.svc.cluster.local:80"} {
			t.Run(authority, func(t *testing.T) {
				resp, err := w.request(t, http.MethodConnect, authority, strings.NewReader("hello"), w.svid(t, w.client.workload.Identity))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if got := readAll(t, resp.Body); resp.StatusCode != 200 || got != w.A4.String()+" said hello" {
					t.Errorf("status %d, body %q", resp.StatusCode, got)
				}
				if resp.Header.Get("baggage") == "" {
					t.Error("no baggage in the answer")
				}
			})
		}
	})
}

// Answers as ztunnel gives them, and a record that says why.
func TestAForeignPeerIsRefused(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, whoami)
		cert := w.svid(t, w.client.workload.Identity)
		for _, c := range []struct {
			name, method, authority string
			status                  int
			words                   []string
		}{
			// Conformance 20: what is no CONNECT, or has no authority, is answered with 400.
			{"a GET", http.MethodGet, at(w.B4, 8080).String(), 400, []string{"stage=connect", "is not CONNECT"}},
			{"a bad authority", http.MethodConnect, "10.0.0.1:http", 400, []string{"stage=connect"}},
			{"no port", http.MethodConnect, w.B4.String(), 400, []string{"stage=connect"}},
			// Conformance 21: the address of somebody else.
			{"not the pod's address", http.MethodConnect, "10.77.0.77:8080", 400, []string{"stage=resolve", "ip mismatch"}},
			// Conformance 106: through a tunnel the proxy's own ports are answered with 503.
			{"the proxy's outbound port", http.MethodConnect, at(w.B4, 15001).String(), 503, []string{"stage=resolve", "recursive"}},
			{"the proxy's HBONE port", http.MethodConnect, at(w.B4, 15008).String(), 503, []string{"stage=resolve", "recursive"}},
			{"a name that is not the pod's", http.MethodConnect, "other.a.svc.cluster.local:80", 503, []string{"stage=resolve", "not a service of this workload"}},
			// Conformance 22: a port that the service lacks is answered with 503.
			{"a port that the service lacks", http.MethodConnect, "server.a.svc.cluster.local:81", 503, []string{"stage=resolve", "has no port 81"}},
			{"nobody listens", http.MethodConnect, at(w.B4, 4444).String(), 503, []string{"stage=deliver", "refused"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				resp, err := w.request(t, c.method, c.authority, nil, cert)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != c.status {
					t.Errorf("status %d, want %d", resp.StatusCode, c.status)
				}
				w.server.waitLine(t, append(c.words, fmt.Sprintf("status=%d", c.status))...)
			})
		}
	})
}

// expired is an SVID that the test's CA really signed, two hours ago.
func (w *two) expired(t *testing.T) tls.Certificate {
	t.Helper()
	past := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	then, err := ca.Load(w.caDir, ca.Options{TrustDomain: "cluster.local", Now: past})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := issuer.NewCSR(key, w.client.workload.Identity)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := then.Sign(csr, w.client.workload.Identity, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: key}
}

// forge makes a certificate that our CA did not sign, or not like this.
func forge(t *testing.T, id string, notAfter time.Time, signer *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), URIs: []*url.URL{u}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	parent := signer
	if parent == nil {
		parent, key = template, own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own}
}

func TestAForeignPeerWithoutAGoodSVIDIsRefused(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, whoami)
		for _, c := range []struct {
			name  string
			certs []tls.Certificate
			words []string
		}{
			{"no certificate", nil, []string{"stage=verify", "certificate"}},
			{"signed by nobody we know", []tls.Certificate{forge(t, "spiffe://cluster.local/ns/a/sa/client", time.Now().Add(time.Hour), nil, nil)}, []string{"stage=verify"}},
			// Conformance 29: an expired SVID of a client is refused.
			{"an SVID of our CA that has expired", []tls.Certificate{w.expired(t)}, []string{"stage=verify", "expired"}},
			// Conformance 28: a client of another trust domain is refused, and the record says at which stage.
			{"another trust domain", []tls.Certificate{forge(t, "spiffe://evil.example/ns/a/sa/client", time.Now().Add(time.Hour), nil, nil)}, []string{"stage=verify"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				if w.greeted(t, c.certs...) == nil {
					t.Error("a tunnel without a good SVID was let in")
				}
				w.server.waitLine(t, append(c.words, "direction=inbound", "level=ERROR")...)
			})
		}
	})
}
