package attack

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// dialTimeout is for whatever crosses the network.
const dialTimeout = 3 * time.Second

// neighbours asks what policy denies, under its own name, under that of a neighbour that
// policy would let in, and under no name.
func (t *thief) neighbours(ctx context.Context) {
	if t.svid == nil {
		return // no SVID: its control has failed already
	}
	own := identity.Static(t.svid)
	for _, d := range t.Allowed {
		t.control("a request that policy allows", func() error { return t.request(ctx, own, d, hbone.Header{}) })
	}
	for _, d := range t.Denied {
		if slices.Contains(t.Group, d.Workload) {
			continue // its policy was the stolen cell's to enforce
		}
		t.try("what policy denies", d.Workload, func() error { return t.request(ctx, own, d, hbone.Header{}) })
		t.try("the same, headers naming a neighbour", d.Workload, func() error {
			return t.request(ctx, own, d, hbone.Header{
				Baggage: hbone.Baggage{Workload: d.AsUID}.Encode(), Forwarded: hbone.ForwardedFor(netip.AddrPortFrom(d.Source, 4711)),
			})
		})
		t.try("the same, certificate of its own CA", d.Workload, func() error {
			forged, err := t.forgedSVID(d.As)
			if err != nil {
				return err
			}
			return t.request(ctx, forged, d, hbone.Header{})
		})
		t.try("the same, a neighbour's certificate", d.Workload, func() error {
			stolen, err := t.certificateOf(ctx, d)
			if err != nil {
				return err
			}
			return t.request(ctx, stolen, d, hbone.Header{})
		})
		t.try("the same, in plaintext past capture", d.Workload, func() error { return t.plainly(ctx, d) })
	}
}

// home is where the culprit's sockets are opened.
func (t *thief) home() *netns.Namespace {
	for _, p := range t.places {
		if p.pod == t.Culprit {
			return p.ns
		}
	}
	return t.places[0].ns
}

// dial opens a connection with the proxy's own mark, which capture lets pass.
func (t *thief) dial(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	return t.home().Dial(ctx, netns.DialOptions{Remote: to, Mark: redirect.MarkProxy})
}

// request asks for the destination's page over HBONE.
func (t *thief) request(ctx context.Context, as identity.Source, d Destination, h hbone.Header) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	id, err := identity.Parse(d.Identity)
	if err != nil {
		return err
	}
	raw, err := t.dial(ctx, netip.AddrPortFrom(d.Address.Addr(), redirect.HBONEPort))
	if err != nil {
		return err
	}
	peer, err := h2.New(h2.Options{}).Client(ctx, tls.Client(raw, identity.ClientTLS(as, []identity.ID{id})))
	if err != nil {
		raw.Close()
		return err
	}
	defer peer.Close()
	stream, _, err := peer.Open(ctx, hbone.Connect(hbone.FromAddrPort(d.Address), h))
	if err != nil {
		return err
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() { _ = stream.Reset() })()
	return page(stream)
}

// plainly asks for it without mTLS.
func (t *thief) plainly(ctx context.Context, d Destination) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := t.dial(ctx, d.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	return page(c)
}

// page is nil only when the application itself has answered.
func page(c io.ReadWriter) error {
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	var answer [7]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return fmt.Errorf("no page: %w", err)
	}
	if string(answer[:]) != "HTTP/1." {
		return errors.New("no page")
	}
	return nil
}

// forgedSVID is signed by a CA that the thief has made, and trusts the true one, so that
// only the peer can refuse it.
func (t *thief) forgedSVID(name string) (identity.Source, error) {
	id, err := identity.Parse(name)
	if err != nil {
		return nil, err
	}
	false_, err := ca.New(ca.Options{TrustDomain: id.TrustDomain()})
	if err != nil {
		return nil, err
	}
	s, err := t.sign(context.Background(), name, ca.Local{CA: false_}.Sign)
	if err != nil {
		return nil, err
	}
	s.Bundle = t.svid.Bundle
	return identity.Static(s), nil
}

// certificateOf is a neighbour's true certificate, which it shows to everybody, with a key
// that is not its own.
func (t *thief) certificateOf(ctx context.Context, d Destination) (identity.Source, error) {
	id, err := identity.Parse(d.As)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := t.dial(ctx, netip.AddrPortFrom(t.workload(d.AsUID).Address, redirect.HBONEPort))
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	c := tls.Client(raw, identity.ClientTLS(identity.Static(t.svid), []identity.ID{id}))
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	s := *t.svid
	s.ID, s.Certificate = id, &tls.Certificate{PrivateKey: key}
	for _, cert := range c.ConnectionState().PeerCertificates {
		s.Certificate.Certificate = append(s.Certificate.Certificate, cert.Raw)
	}
	return identity.Static(&s), nil
}
