package keeper

import (
	"crypto/x509"
	"encoding/pem"
	"sync"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// issued are the certificates that one process was given by way of the keeper, for
// whoever wants to look at them. They are public, and as many as identities that the
// process may ask for. A keeper that came later knows none until the next rotation.
type issued struct {
	mu sync.Mutex
	by map[identity.ID]issuedOne
}

type issuedOne struct {
	chain, roots [][]byte // DER, leaf first
	failure      string   // why the last CSR has brought none
}

// note keeps what the CA answered. A failure leaves what was there: it is still good.
func (i *issued) note(id identity.ID, s *cell.Signed) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.by == nil {
		i.by = map[identity.ID]issuedOne{}
	}
	one := i.by[id]
	if one.failure = s.Error; s.Error == "" {
		one.chain, one.roots = s.Chain, s.Roots
	}
	i.by[id] = one
}

func (i *issued) of(id identity.ID) issuedOne {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.by[id]
}

// readable are certificates for people; what cannot be parsed is left out.
func readable(all [][]byte) []admin.DumpCertificatePEM {
	out := []admin.DumpCertificatePEM{}
	for _, der := range all {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		out = append(out, admin.DumpCertificatePEM{
			PEM:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			Serial: c.SerialNumber.String(), From: c.NotBefore, Until: c.NotAfter,
		})
	}
	return out
}
