package attack

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// credentials are a certificate that nobody should believe; without one nothing is shown.
type credentials struct{ certificates []tls.Certificate }

// foreign is true in another mesh, which has a workload of the same name.
func foreign(d Destination) (*credentials, error) {
	id, err := identity.Parse(d.As)
	if err != nil {
		return nil, err
	}
	return ofItsCA("elsewhere.example", id.Namespace(), id.ServiceAccount())
}

// selfMade names whom policy lets in, by a CA that the liar has made.
func selfMade(d Destination) (*credentials, error) {
	id, err := identity.Parse(d.As)
	if err != nil {
		return nil, err
	}
	return ofItsCA(id.TrustDomain(), id.Namespace(), id.ServiceAccount())
}

func ofItsCA(domain, namespace, account string) (*credentials, error) {
	id, err := identity.New(domain, namespace, account)
	if err != nil {
		return nil, err
	}
	own, err := ca.New(ca.Options{TrustDomain: domain})
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := issuer.NewCSR(key, id)
	if err != nil {
		return nil, err
	}
	chain, _, err := ca.Local{CA: own}.Sign(context.Background(), id, csr)
	return &credentials{[]tls.Certificate{{Certificate: chain, PrivateKey: key}}}, err
}

// selfSigned names the victim itself, and vouches for that with nothing but its own key.
func selfSigned(d Destination) (*credentials, error) {
	name, err := url.Parse(d.Identity)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), URIs: []*url.URL{name}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, leaf, crypto.Signer(key).Public(), key)
	return &credentials{[]tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}, err
}

// present asks the victim for its page with them. It does not ask who the victim is:
// that is for the victim's clients to know.
func (t *thief) present(ctx context.Context, c *credentials) error {
	v := t.Imposture.Victim
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := t.dial(ctx, netip.AddrPortFrom(v.Address.Addr(), redirect.HBONEPort))
	if err != nil {
		return err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, InsecureSkipVerify: true, Certificates: c.certificates}
	return asks(ctx, tls.Client(raw, config), hbone.Connect(hbone.FromAddrPort(v.Address), hbone.Header{}), page)
}

// accepted is nil when a CONNECT is, whether or not anybody answers behind it.
func (t *thief) accepted(ctx context.Context, as identity.Source, d Destination, head hbone.Head) error {
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
	return asks(ctx, tls.Client(raw, identity.ClientTLS(as, []identity.ID{id})), head, func(io.ReadWriter) error { return nil })
}

// asks opens a stream in a tunnel of its own.
func asks(ctx context.Context, c *tls.Conn, head hbone.Head, then func(io.ReadWriter) error) error {
	peer, err := h2.New(h2.Options{}).Client(ctx, c)
	if err != nil {
		c.NetConn().Close()
		return err
	}
	defer peer.Close()
	stream, _, err := peer.Open(ctx, head)
	if err != nil {
		return err
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() { _ = stream.Reset() })()
	return then(stream)
}

// recorder keeps what is sent.
type recorder struct {
	net.Conn
	sent bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.sent.Write(b)
	return r.Conn.Write(b)
}

// errClosed is a tunnel that ended before it said anything.
var errClosed = errors.New("closed")

// replay sends the bytes of a true tunnel a second time, those after the handshake too.
// Whoever is not fooled hangs up: its own part of the handshake is another. The record
// of a tunnel is made by its client, who sees what anybody on the wire would.
func (t *thief) replay(ctx context.Context, as identity.Source) error {
	v := t.Imposture.Victim
	to := netip.AddrPortFrom(v.Address.Addr(), redirect.HBONEPort)
	id, err := identity.Parse(v.Identity)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := t.dial(ctx, to)
	if err != nil {
		return err
	}
	r := &recorder{Conn: raw}
	if err := asks(ctx, tls.Client(r, identity.ClientTLS(as, []identity.ID{id})), hbone.Connect(hbone.FromAddrPort(v.Address), hbone.Header{}), page); err != nil {
		return fmt.Errorf("nothing to replay: %w", err)
	}
	again, err := t.dial(ctx, to)
	if err != nil {
		return err
	}
	defer again.Close()
	if err := again.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	if _, err := again.Write(r.sent.Bytes()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, again) // what it says is not for us to read; that it goes on is enough
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil
	}
	return errors.Join(errClosed, err)
}

// signedWith asks the CA with a token.
func signedWith(socket, token string) signer { return signedFor(socket, token, 0) }

// signedFor wishes for a lifetime as well.
func signedFor(socket, token string, ttl time.Duration) signer {
	return func(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
		ca, err := caclient.New(caclient.Config{Socket: socket, Token: token}, caclient.Impersonating)
		if err != nil {
			return nil, nil, err
		}
		defer ca.Close()
		return ca.SignFor(ctx, id, csr, ttl)
	}
}

// expired is an SVID of the true CA for whom policy lets in, after its only second. The
// server's clock is this machine's.
func (t *thief) expired(ctx context.Context) (lie, error) {
	svid, err := t.sign(ctx, t.Imposture.Victim.As, signedFor(t.CA, t.Imposture.AsToken, time.Second))
	if err != nil {
		return lie{}, err
	}
	show := func(ctx context.Context) error {
		return t.present(ctx, &credentials{[]tls.Certificate{*svid.Certificate}})
	}
	return lie{kind: "an expired SVID", tell: show, from: svid.Certificate.Leaf.NotAfter.Add(100 * time.Millisecond)}, nil
}
