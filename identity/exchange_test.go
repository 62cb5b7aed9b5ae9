package identity_test

import (
	"crypto/tls"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Both ends must have chosen the post-quantum exchange for it to be used; one that has is no obstacle to one that has not.
func TestKeyExchange(t *testing.T) {
	for _, c := range []struct {
		client, server identity.KeyExchange
		want           tls.CurveID
	}{
		{"", "", tls.X25519},
		{identity.X25519, identity.X25519, tls.X25519},
		{identity.X25519MLKEM768, identity.X25519MLKEM768, tls.X25519MLKEM768},
		{identity.X25519MLKEM768, identity.X25519, tls.X25519},
		{identity.X25519, identity.X25519MLKEM768, tls.X25519},
	} {
		t.Run(string(c.client+"/"+c.server), func(t *testing.T) {
			p := newPair(t)
			server, client := identity.ServerTLS(p.server), identity.ClientTLS(p.client, p.accept)
			c.server.Set(server)
			c.client.Set(client)
			s, k := newLink(t).meet(t, server, client)
			if s.err != nil || k.err != nil || s.state.CurveID != c.want {
				t.Errorf("server: %v; client: %v; agreed on %v, want %v", s.err, k.err, s.state.CurveID, c.want)
			}
		})
	}
}

func TestKeyExchangeIsStrict(t *testing.T) {
	for _, text := range []string{"", "X25519", "kyber", "x25519 "} {
		var k identity.KeyExchange
		if err := k.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %q", text, k)
		}
	}
}
