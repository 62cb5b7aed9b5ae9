package budget

import (
	"context"
	"crypto/tls"
	"net"
)

// Handshake makes a TLS connection of c with secure and does its handshake, at the
// workload's rate and in its turns. From then on closing the connection leaves place
// (nil: none); an error has closed it.
func (a *Account) Handshake(ctx context.Context, c net.Conn, place *Place, secure func(net.Conn) *tls.Conn) (*tls.Conn, error) {
	if a == nil {
		return shake(ctx, c, secure(c))
	}
	turning := &conn{Conn: c, account: a, place: place}
	if err := turning.begin(ctx); err != nil {
		turning.Close()
		return nil, err
	}
	defer turning.end()
	return shake(ctx, turning, secure(turning))
}

func shake(ctx context.Context, c net.Conn, t *tls.Conn) (*tls.Conn, error) {
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}

// conn gives its turn back while the handshake waits for the peer.
type conn struct {
	net.Conn
	account *Account
	place   *Place

	// Those of the handshake; nobody else reads until it is over.
	ctx  context.Context // nil: it is over
	turn bool
}

func (c *conn) begin(ctx context.Context) error {
	c.ctx = ctx
	if err := c.account.pace(ctx, Handshakes, &c.account.handshakes); err != nil {
		return err
	}
	return c.take()
}

func (c *conn) take() error {
	err := c.account.turns.take(c.ctx, c.account)
	c.turn = err == nil
	return err
}

func (c *conn) give() {
	if c.turn {
		c.turn = false
		c.account.turns.give()
	}
}

func (c *conn) end() {
	c.give()
	c.ctx = nil
}

func (c *conn) Read(p []byte) (int, error) {
	if c.ctx == nil {
		return c.Conn.Read(p)
	}
	c.give()
	n, err := c.Conn.Read(p)
	if err == nil {
		err = c.take()
	}
	return n, err
}

func (c *conn) Close() error {
	c.place.Leave()
	return c.Conn.Close()
}

// Begin waits until another handshake of the workload may begin, by its rate, where nobody can
// take its turns from outside, as over QUIC: there they are taken by Compute.
func (a *Account) Begin(ctx context.Context) error {
	if a == nil {
		return nil
	}
	return a.pace(ctx, Handshakes, &a.handshakes)
}

// Compute runs f in a turn of the workload.
func (a *Account) Compute(ctx context.Context, f func() error) error {
	if a == nil {
		return f()
	}
	if err := a.turns.take(ctx, a); err != nil {
		return err
	}
	defer a.turns.give()
	return f()
}
