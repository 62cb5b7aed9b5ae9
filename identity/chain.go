package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"time"
)

// maxProven bounds the chains that a bundle remembers, at about a hundred bytes each. With more peers than that the
// others pay for their signatures each time.
const maxProven = 256

// proven remembers which chains lead to one bundle's roots, since the same peers come again and again and the
// signatures in a chain of two cost a third of a handshake at each end.
//
// It is as strict as verifying anew. What x509 says of a chain depends on the bytes of its certificates, on the roots,
// on the usage that is asked for, and on the time: the first and the third are the key here, the roots are the bundle's
// own (other roots are another [Bundle], with nothing proven), and of the time it asks only whether every certificate
// is valid at it, which is asked here each time as well. What was refused is not remembered. That the peer holds the
// leaf's key is proven in the handshake, every time, and is no matter of chains.
type proven struct {
	mu     sync.Mutex
	chains map[chain]period
}

// chain is a leaf with its intermediates, in the order in which they were shown, and what for.
type chain struct {
	sum   [sha256.Size]byte
	usage x509.ExtKeyUsage
}

// period is when all certificates of a chain are valid, the root's included.
type period struct{ from, to time.Time }

func (p period) holds(now time.Time) bool { return !now.Before(p.from) && !now.After(p.to) }

func chainOf(certs []*x509.Certificate, usage x509.ExtKeyUsage) chain {
	h := sha256.New()
	for _, c := range certs {
		h.Write(c.Raw) // DER says its own length: no two lists have the same bytes
	}
	k := chain{usage: usage}
	h.Sum(k.sum[:0])
	return k
}

func (p *proven) holds(k chain, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	when, ok := p.chains[k]
	return ok && when.holds(now)
}

func (p *proven) add(k chain, when period) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chains == nil {
		p.chains = make(map[chain]period)
	}
	for other := range p.chains { // any one, which a peer cannot choose
		if len(p.chains) < maxProven {
			break
		}
		delete(p.chains, other)
	}
	p.chains[k] = when
}

// chain checks that the peer's certificates lead to our roots.
func (v *verifier) chain(own *SVID, certs []*x509.Certificate, now time.Time) (Reason, error) {
	k := chainOf(certs, v.usage())
	if own.Bundle.proven.holds(k, now) {
		return "", nil
	}
	intermediates := x509.NewCertPool()
	for _, c := range certs[1:] {
		intermediates.AddCert(c)
	}
	paths, err := certs[0].Verify(x509.VerifyOptions{
		Roots:         own.Bundle.pool,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{k.usage},
	})
	if err == nil {
		from, to := span(paths[0])
		own.Bundle.proven.add(k, period{from, to})
		return "", nil
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			return ReasonExpired, err
		case x509.IncompatibleUsage:
			return ReasonEKU, err
		}
	}
	return ReasonChain, err
}
