package attack

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// identities asks for SVIDs: its own, those of its group, and everybody's.
func (t *thief) identities(ctx context.Context) {
	own := t.workload(t.Culprit).Identity
	if t.keeper != nil {
		t.control("an SVID of its own, from the keeper", func() (err error) {
			t.svid, err = t.sign(ctx, own, t.fromKeeper)
			return err
		})
		for _, w := range t.identified() {
			t.try("SVID from the keeper", w.Name, func() error {
				_, err := t.sign(ctx, w.Identity, t.fromKeeper)
				return err
			})
		}
	}
	if t.Token != "" {
		t.control("an SVID of its own, from the CA", func() (err error) {
			t.svid, err = t.sign(ctx, own, t.fromCA)
			return err
		})
	}
	for _, w := range t.identified() {
		if t.Token != "" && w.Identity == own {
			continue // that was the control
		}
		t.try("SVID from the CA", w.Name, func() error {
			_, err := t.sign(ctx, w.Identity, t.fromCA)
			return err
		})
	}
}

// identified is one workload for each identity, of the group if it can be: a replica has
// no identity of its own that could be stolen.
func (t *thief) identified() (all []Workload) {
	seen := map[string]bool{}
	for _, mine := range []bool{true, false} {
		for _, w := range t.Workloads {
			if slices.Contains(t.Group, w.Name) == mine && !seen[w.Identity] {
				seen[w.Identity] = true
				all = append(all, w)
			}
		}
	}
	return all
}

// signer has a CSR signed.
type signer func(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error)

// sign makes a key and has it signed for an identity.
func (t *thief) sign(ctx context.Context, name string, by signer) (*identity.SVID, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	id, err := identity.Parse(name)
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
	chain, roots, err := by(ctx, id, csr)
	if err != nil {
		return nil, err
	}
	return identity.NewSVID(key, chain, roots)
}

func (t *thief) fromKeeper(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	m, err := t.keeper.ask(ctx, func(n uint64) *cell.Message {
		return &cell.Message{Sign: &cell.Sign{ID: n, Identity: id.String(), CSR: csr}}
	})
	switch {
	case err != nil:
		return nil, nil, err
	case m.Signed == nil:
		return nil, nil, errors.New("another answer")
	case m.Signed.Error != "":
		return nil, nil, errRefused
	}
	return m.Signed.Chain, m.Signed.Roots, nil
}

// errRefused is a refusal whose words name the workload, which the record has already.
var errRefused = errors.New("refused")

// fromCA has no token but a sidecar's own; a cell guesses none.
func (t *thief) fromCA(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	if t.Token == "" {
		if err := connectTo(t.CA); err != nil {
			return nil, nil, err
		}
		return nil, nil, errors.New("connected, and it has no token")
	}
	chain, roots, err = signedWith(t.CA, t.Token)(ctx, id, csr)
	if refused, ok := errors.AsType[*caclient.StatusError](err); ok {
		err = errors.New(refused.Code.String()) // its words name the identity, which the record has already
	}
	return chain, roots, err
}

// destinations asks where somebody is, on behalf of others.
func (t *thief) destinations(ctx context.Context) {
	if t.keeper == nil {
		return
	}
	for _, w := range t.others() {
		t.try("destination on behalf of another", w.Name, func() error {
			m, err := t.keeper.ask(ctx, func(n uint64) *cell.Message {
				return &cell.Message{Resolve: &cell.Resolve{ID: n, UID: w.Name, Dst: netip.AddrPortFrom(w.Address, 80)}}
			})
			if err == nil && m.Answer != nil && m.Answer.Error != "" {
				err = errRefused
			}
			return err
		})
	}
}

// quiet is how long the keeper would take for something that it does without an answer.
const quiet = 300 * time.Millisecond

// last tells the keeper what only the keeper may say: that a workload is served without
// policies, and that another is not served at all. A keeper may kill whoever says that.
func (t *thief) last(ctx context.Context) {
	others := t.others()
	if t.keeper == nil || len(others) == 0 {
		return
	}
	before := t.keeper.handed()
	t.isLast = true
	t.try("Serve and Drop, to the keeper", others[0].Name, func() error {
		err := t.keeper.send(&cell.Message{Serve: &cell.Serve{Workload: []byte(`{}`)}})
		if err == nil {
			err = t.keeper.send(&cell.Message{Drop: &cell.Drop{UID: others[0].Name, Now: true}})
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(quiet): // nothing tells when the keeper has done nothing
		case <-ctx.Done():
		}
		if t.keeper.handed() > before {
			return nil
		}
		return errIgnored
	})
}
