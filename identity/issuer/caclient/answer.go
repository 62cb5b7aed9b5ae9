package caclient

import (
	"encoding/pem"
	"errors"
	"fmt"

	security "istio.io/api/security/v1alpha1"
)

// Decode takes an answer apart: one certificate in each element, leaf first, and in the last one the roots, which may be
// several. It returns DER.
func Decode(a *security.IstioCertificateResponse) (chain, roots [][]byte, err error) {
	all := a.GetCertChain()
	if len(all) < 2 {
		return nil, nil, fmt.Errorf("%d elements in the chain: want a leaf, and the roots last", len(all))
	}
	for i, text := range all[:len(all)-1] {
		certs, err := certificates(text)
		if err == nil && len(certs) > 1 {
			err = fmt.Errorf("%d certificates", len(certs))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("element %d of the chain: %w", i, err)
		}
		chain = append(chain, certs[0])
	}
	if roots, err = certificates(all[len(all)-1]); err != nil {
		return nil, nil, fmt.Errorf("roots: %w", err)
	}
	return chain, roots, nil
}

// certificates reads PEM blocks, at least one, and no others.
func certificates(text string) (all [][]byte, err error) {
	for rest := []byte(text); ; {
		b, after := pem.Decode(rest)
		switch {
		case b == nil && len(all) == 0:
			return nil, errors.New("no certificate")
		case b == nil:
			return all, nil
		case b.Type != "CERTIFICATE":
			return nil, fmt.Errorf("a PEM block of type %q", b.Type)
		}
		all, rest = append(all, b.Bytes), after
	}
}
