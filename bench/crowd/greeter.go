package crowd

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"
)

// Greeter begins TLS handshakes without a certificate: the server has signed when it
// finds that out.
type Greeter struct {
	To        netip.AddrPort
	PerSecond int
}

// Validate says what is wrong with it.
func (g Greeter) Validate() error { return validPace(g.To, g.PerSecond) }

// Run goes on until ctx is done. Whatever becomes of its handshakes is no error.
func (g Greeter) Run(ctx context.Context, t *Tally) error {
	if err := g.Validate(); err != nil {
		return err
	}
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}}
	keepPace(ctx, g.PerSecond, func(ctx context.Context) {
		t.Tried.Add(1)
		c, err := d.DialContext(ctx, "tcp", g.To.String())
		if err != nil {
			return
		}
		t.Made.Add(1)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_, _ = c.Read(make([]byte, 1)) // TLS 1.3: the refusal comes after the client's end
		c.Close()
	})
	return nil
}
