package identity

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// KeyExchange is how the two ends of a tunnel agree on its keys. The zero value is X25519.
type KeyExchange string

// The key exchanges that an operator can choose; docs/decisions/0025-handshakes.md has what each costs.
const (
	X25519         KeyExchange = "x25519"
	X25519MLKEM768 KeyExchange = "x25519mlkem768" // safe from a quantum computer of later years; used when both ends have it
)

var errKeyExchange = errors.New("use x25519 or x25519mlkem768")

// UnmarshalText implements encoding.TextUnmarshaler, strictly.
func (k *KeyExchange) UnmarshalText(b []byte) error {
	switch v := KeyExchange(b); v {
	case X25519, X25519MLKEM768:
		*k = v
		return nil
	}
	return fmt.Errorf("keyExchange %q: %w", b, errKeyExchange)
}

// Set makes k the preferred key exchange of a configuration.
//
// The post-quantum one is left out unless it was chosen, at either end: crypto/tls would prefer it, and a peer that
// offers it would decide what our handshakes cost. crypto/tls decides the order among these; P-256 and P-384 are there
// for peers built with OpenSSL or FIPS, which do not offer X25519.
func (k KeyExchange) Set(c *tls.Config) {
	c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	if k == X25519MLKEM768 {
		c.CurvePreferences = append([]tls.CurveID{tls.X25519MLKEM768}, c.CurvePreferences...)
	}
}
