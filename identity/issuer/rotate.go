package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// recheck bounds one wait: timers stand still while a machine sleeps and know nothing of a wall clock that was set.
const recheck = time.Minute

// Stage is the step of a rotation that failed.
type Stage string

// The stages.
const (
	StageKey    Stage = "key"    // making the key or the CSR
	StageSign   Stage = "sign"   // the Signer's own error
	StageAccept Stage = "accept" // what it returned is no SVID of ours
)

// Error is one failed attempt, as it is logged.
type Error struct {
	ID    identity.ID
	Stage Stage
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("issuer: %s: %s: %v", e.ID, e.Stage, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// rotate is the life of an issuer: issue, wait for half life, and again; on failure wait a little and try again.
func (i *Issuer) rotate(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		svid, err := i.issue(ctx)
		var next time.Time
		switch {
		case err == nil:
			failures = 0
			i.publish(svid)
			next = halfLife(svid, i.now())
		case ctx.Err() != nil:
			return nil
		default:
			pause := i.pause(failures)
			failures++
			next = i.now().Add(pause)
			i.log.Warn("SVID not issued", "identity", i.id, "error", err, "failures", failures, "retry", pause, "valid", i.hasValid())
		}
		i.wait(ctx, next)
	}
	return nil
}

func (i *Issuer) hasValid() bool { _, err := i.SVID(); return err == nil }

func (i *Issuer) publish(s *identity.SVID) {
	first := i.svid.Swap(s) == nil
	if first {
		close(i.ready) // before the line: a log that is stuck keeps nobody waiting
	}
	i.log.Info("SVID issued", "identity", s.ID, "not_after", s.NotAfter)
}

// issue makes one attempt, with a new key.
func (i *Issuer) issue(ctx context.Context) (*identity.SVID, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, &Error{i.id, StageKey, err}
	}
	csr, err := NewCSR(key, i.id)
	if err != nil {
		return nil, &Error{i.id, StageKey, err}
	}
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	chain, roots, err := i.signer.Sign(ctx, i.id, csr)
	if err != nil {
		return nil, &Error{i.id, StageSign, err}
	}
	svid, err := identity.NewSVID(key, chain, roots)
	if err != nil {
		return nil, &Error{i.id, StageAccept, err}
	}
	if err := i.check(svid); err != nil {
		return nil, &Error{i.id, StageAccept, err}
	}
	return svid, nil
}

// check refuses an SVID that would replace a good one by a useless one.
func (i *Issuer) check(s *identity.SVID) error {
	if s.ID != i.id {
		return fmt.Errorf("the signer returned an SVID of %s", s.ID)
	}
	return s.Expired(i.now())
}

// halfLife returns when to rotate: in the middle of the validity, as ztunnel does. If that has passed already (a CA that
// answers from a cache, or dates far back) the middle of what is left, so that the loop cannot spin.
func halfLife(s *identity.SVID, now time.Time) time.Time {
	at := s.NotBefore.Add(s.NotAfter.Sub(s.NotBefore) / 2)
	if at.After(now) {
		return at
	}
	return now.Add(max(s.NotAfter.Sub(now)/2, backoffFirst))
}

// wait returns at the given wall time, or when ctx is done.
func (i *Issuer) wait(ctx context.Context, until time.Time) {
	for left := until.Sub(i.now()); left > 0; left = until.Sub(i.now()) {
		t := time.NewTimer(min(left, recheck))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}
