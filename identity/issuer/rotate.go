package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
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
			next = i.halfLife(svid)
		case ctx.Err() != nil:
			return nil
		default:
			pause := min(i.pause(failures), i.patience())
			failures++
			next = i.now().Add(pause)
			i.log.Warn("SVID not issued", "identity", i.id, "error", err, "reason", reason(err), "failures", failures, "retry", pause, "valid", i.hasValid())
		}
		i.wait(ctx, next)
	}
	return nil
}

// reason is the word for a failure that has one.
func reason(err error) string {
	if why, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return why.Reason()
	}
	return "ca"
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
	return s.Dated(i.now())
}

// halfLife returns when to rotate: about the middle of the validity, as ztunnel does; the spread keeps those who got theirs
// together, at a start of a node or a return of the CA, from coming together for ever. If that has passed already (a CA
// that answers from a cache, or dates far back) the middle of what is left, so that the loop cannot spin.
func (i *Issuer) halfLife(s *identity.SVID) time.Time {
	now, life := i.now(), s.NotAfter.Sub(s.NotBefore)
	at := s.NotBefore.Add(time.Duration(float64(life) * (0.5 - rotateSpread + 2*rotateSpread*i.jitter())))
	if at.After(now) {
		return at
	}
	return now.Add(max(s.NotAfter.Sub(now)/2, backoffFirst))
}

// setBy is how far the wall clock may go from the monotonic one between two looks: a step of NTP is less, a clock that
// somebody set, or a machine that slept, more.
const setBy = 5 * time.Second

// noticeJump says so when the wall clock was set since the last look. Whoever sees SVIDs end early or late later finds the
// cause here.
func (i *Issuer) noticeJump(last time.Time) (now time.Time) {
	now = i.now()
	if by := jump(last, now); by.Abs() > setBy {
		i.log.Warn("the clock jumped", "reason", "clock-jump", "identity", i.id, "by", by.Round(time.Millisecond), "valid", i.hasValid())
	}
	return now
}

// jump is by how much the wall clock went more than the monotonic one. Times without a monotonic part (a test's) jump never.
func jump(last, now time.Time) time.Duration {
	return now.Round(0).Sub(last.Round(0)) - now.Sub(last)
}

// wait returns at the given wall time, or when ctx is done.
func (i *Issuer) wait(ctx context.Context, until time.Time) {
	until = until.Round(0) // the validity of an SVID is of the wall clock
	seen := i.now()
	for left := until.Sub(seen); left > 0; left = until.Sub(seen) {
		t := time.NewTimer(min(left, recheck))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		seen = i.noticeJump(seen)
	}
}
