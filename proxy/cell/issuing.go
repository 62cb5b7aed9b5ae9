package cell

import (
	"context"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// Keys keeps the SVID of one identity fresh while it runs: *issuer.Issuer asks a CA,
// *workloadapi.Source an agent.
type Keys interface {
	identity.Source
	Ready() <-chan struct{} // closed when the first SVID is there
	NotAfter() time.Time    // when the newest SVID ends, or ended; zero: there was none
	Run(ctx context.Context) error
}

// issuing is the one source of an identity, shared by the replicas that a cell
// serves (one key and one CSR per identity, as ztunnel does).
type issuing struct {
	Keys
	users int
	told  time.Time // when the SVID ends that this keeper has been told of; the loop's
	stop  context.CancelFunc
}

// SVID is asked for by every handshake: the cell is idle no longer.
func (i *issuing) SVID() (*identity.SVID, error) {
	collection.wake()
	return i.Keys.SVID()
}

// source returns the identity's keys, kept fresh from their first use on.
func (s *cell) source(ctx context.Context, id identity.ID) *issuing {
	i := s.issuers[id]
	if i == nil {
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		i = &issuing{Keys: s.keys(id), stop: stop}
		s.issuers[id] = i
		s.running.Go(func() { _ = i.Run(run) }) // ends with stop; its failures are logged by it
	}
	i.users++
	return i
}

func (s *cell) keys(id identity.ID) Keys {
	if s.Keys != nil {
		return s.Keys(id)
	}
	return issuer.New(id, s.Feed, issuer.Options{Logger: s.Log})
}

// release ends the keys with its last user: a cell keeps no key that nobody of
// its own needs.
func (s *cell) release(id identity.ID) {
	i := s.issuers[id]
	if i.users--; i.users == 0 {
		i.stop()
		delete(s.issuers, id)
	}
}
