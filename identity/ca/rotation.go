package ca

import (
	"fmt"
	"time"
)

// succession is a root that takes over from another. It goes by the clock alone, so that a CA that was away meanwhile is
// where it would have been:
//
//	begun              both are trusted, the old one signs: who gets an SVID gets both
//	begun + MaxTTL     both are trusted, the new one signs: every SVID that is valid came with both
//	begun + 2 MaxTTL   the old one is trusted no more: no SVID that it signed is valid
//
// At each moment every valid SVID leads to a root that everybody with a valid SVID trusts, so nothing is dropped. To let the
// new one sign at once, the obvious way, would cut everybody off who has not rotated yet.
type succession struct {
	root         authority
	intermediate authority
	begun        time.Time
}

// sign is when the new root signs, done when the old one is gone.
func (s *succession) signs(o Options) time.Time { return s.begun.Add(o.MaxTTL) }
func (s *succession) done(o Options) time.Time  { return s.begun.Add(2 * o.MaxTTL) }

// againAfter is when a step that could not be written is tried again.
const againAfter = time.Minute

// advance brings the roots to where they are now. The caller holds mu. Whoever asks for a signature or the roots calls it:
// with nobody asking, nobody needs to know. When a step fails, the roots stay as they are, which drops nothing: the old one
// goes on signing, or is trusted for longer than needed.
func (c *CA) advance() {
	now := c.o.Now()
	if now.Before(c.again) {
		return
	}
	if err := c.step(now); err != nil {
		c.again = now.Add(againAfter)
		c.o.Logger.Error("roots not rotated", "trust_domain", c.o.TrustDomain, "error", err, "again_in", againAfter)
	}
}

func (c *CA) step(now time.Time) error {
	if c.next != nil && !now.Before(c.next.done(c.o)) {
		if err := c.change(c.next.root, c.next.intermediate, nil, "the old root is trusted no more"); err != nil {
			return err
		}
	}
	if c.next == nil && c.o.RootLife > 0 && !now.Before(begunOf(c.root).Add(c.o.RootLife)) {
		return c.begin(now)
	}
	return nil
}

// begin makes the successor.
func (c *CA) begin(now time.Time) error {
	root, err := newAuthority(c.o, nil)
	if err != nil {
		return fmt.Errorf("ca: next root: %w", err)
	}
	intermediate, err := newAuthority(c.o, &root)
	if err != nil {
		return fmt.Errorf("ca: next intermediate: %w", err)
	}
	next := &succession{root, intermediate, now}
	return c.change(c.root, c.intermediate, next, "a new root is trusted, and will sign at "+next.signs(c.o).UTC().Format(time.RFC3339))
}

// RotateRoot begins a rotation now, unless one is under way.
func (c *CA) RotateRoot() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	if err := c.step(now); err != nil || c.next != nil {
		return err
	}
	return c.begin(now)
}

// change has other roots from now on, written and known; or, when they cannot be written, those of before. A root that is
// only in memory must not sign: a CA that restarts would not know it, and its SVIDs would be strangers to all others.
func (c *CA) change(root, intermediate authority, next *succession, what string) error {
	oldRoot, oldIntermediate, oldNext := c.root, c.intermediate, c.next
	c.root, c.intermediate, c.next = root, intermediate, next
	if c.dir != "" {
		if err := c.replace(); err != nil {
			c.root, c.intermediate, c.next = oldRoot, oldIntermediate, oldNext
			return fmt.Errorf("ca: %w", err)
		}
	}
	c.o.Logger.Info(what, "trust_domain", c.o.TrustDomain, "roots", len(c.trusted()))
	if c.o.RootsChanged != nil {
		c.o.RootsChanged(bundlePEM(c.trusted()))
	}
	return nil
}

// trusted are the roots of now. The caller holds mu.
func (c *CA) trusted() [][]byte {
	if c.next != nil {
		return [][]byte{c.root.cert.Raw, c.next.root.cert.Raw}
	}
	return [][]byte{c.root.cert.Raw}
}

// signer is the intermediate of now, made anew past its half life. The caller holds mu.
func (c *CA) signer() (authority, error) {
	root, intermediate := &c.root, &c.intermediate
	if c.next != nil && !c.o.Now().Before(c.next.signs(c.o)) {
		root, intermediate = &c.next.root, &c.next.intermediate
	}
	if c.fresh(intermediate.cert) {
		return *intermediate, nil
	}
	fresh, err := newAuthority(c.o, root)
	if err != nil {
		return authority{}, fmt.Errorf("ca: intermediate: %w", err)
	}
	*intermediate = fresh
	return fresh, nil
}

// begunOf is when a root was made.
func begunOf(a authority) time.Time { return a.cert.NotBefore.Add(backdate(rootTTL)) }
