package cell

import (
	"context"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// issuing is the one issuer of an identity, shared by the replicas that a cell
// serves (one key and one CSR per identity, as ztunnel does).
type issuing struct {
	*issuer.Issuer
	users int
	told  time.Time // when the SVID ends that this keeper has been told of; the loop's
	stop  context.CancelFunc
}

// SVID is asked for by every handshake: the cell is idle no longer.
func (i *issuing) SVID() (*identity.SVID, error) {
	collection.wake()
	return i.Issuer.SVID()
}

// source returns the identity's issuer, started at its first use.
func (s *cell) source(ctx context.Context, id identity.ID) *issuing {
	i := s.issuers[id]
	if i == nil {
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		i = &issuing{Issuer: issuer.New(id, s.Feed, issuer.Options{Logger: s.Log}), stop: stop}
		s.issuers[id] = i
		s.running.Go(func() { _ = i.Run(run) }) // ends with stop; its failures are logged by it
	}
	i.users++
	return i
}

// release ends the issuer with its last user: a cell keeps no key that nobody of
// its own needs.
func (s *cell) release(id identity.ID) {
	i := s.issuers[id]
	if i.users--; i.users == 0 {
		i.stop()
		delete(s.issuers, id)
	}
}
