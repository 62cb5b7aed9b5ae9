package identity

import (
	"fmt"
	"time"
)

// Source hands out the SVID that is valid now, never an expired one. Its errors are ErrNoSVID when there has never been
// one and *ExpiredError when there is none any more; both make a handshake fail, on either side. It is called at every
// handshake, from many goroutines, and must not block.
type Source interface {
	SVID() (*SVID, error)
}

// Clock may be implemented by a Source that does not live by time.Now; TLS configurations then follow its clock.
type Clock interface {
	Now() time.Time
}

// ErrNoSVID means that no SVID has been issued yet.
var ErrNoSVID error = noSVIDError{}

type noSVIDError struct{}

func (noSVIDError) Error() string  { return "identity: no SVID has been issued yet" }
func (noSVIDError) Reason() string { return "no-svid" }

// ExpiredError means that the last SVID has expired and no newer one could be had.
type ExpiredError struct {
	ID       ID
	NotAfter time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("identity: own SVID of %s expired at %s", e.ID, e.NotAfter.UTC().Format(time.RFC3339))
}

// Reason is the word of the record for an end that has nothing to show any more.
func (e *ExpiredError) Reason() string { return "own-svid-expired" }

// Static returns a Source of one SVID that nobody renews: for clients of an hour, for tests.
func Static(s *SVID) Source { return static{s} }

type static struct{ svid *SVID }

func (s static) SVID() (*SVID, error) {
	if err := s.svid.Expired(time.Now()); err != nil {
		return nil, err
	}
	return s.svid, nil
}

// clockOf returns the clock that a source lives by.
func clockOf(src Source) func() time.Time {
	if c, ok := src.(Clock); ok {
		return c.Now
	}
	return time.Now
}
