package keyscan

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
)

// point is a public key of P-256, uncompressed and without its first byte.
type point [64]byte

// Keys are the public keys whose private ones are looked for.
type Keys struct {
	byPoint map[point]int
	curve   ecdh.Curve
}

// NewKeys takes SubjectPublicKeyInfo, as DER. A key is named by its position; a key that
// is there twice by its first.
func NewKeys(spki [][]byte) (*Keys, error) {
	k := &Keys{byPoint: make(map[point]int, len(spki)), curve: ecdh.P256()}
	for i, der := range spki {
		p, err := parse(der)
		if err != nil {
			return nil, fmt.Errorf("public key %d: %w", i, err)
		}
		if _, twice := k.byPoint[p]; !twice {
			k.byPoint[p] = i
		}
	}
	return k, nil
}

func parse(der []byte) (p point, err error) {
	any, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return p, err
	}
	key, ok := any.(*ecdsa.PublicKey)
	if !ok {
		return p, fmt.Errorf("%T is not ECDSA", any)
	}
	public, err := key.ECDH()
	if err != nil {
		return p, err
	}
	raw := public.Bytes()
	if public.Curve() != ecdh.P256() || len(raw) != 1+len(p) {
		return p, fmt.Errorf("%v is not P-256", public.Curve())
	}
	return point(raw[1:]), nil
}

// match says whose private key a scalar is, most significant byte first.
func (k *Keys) match(scalar []byte) (key int, ok bool) {
	private, err := k.curve.NewPrivateKey(scalar)
	if err != nil {
		return 0, false // zero, or not below the order of the curve
	}
	key, ok = k.byPoint[point(private.PublicKey().Bytes()[1:])]
	return key, ok
}
