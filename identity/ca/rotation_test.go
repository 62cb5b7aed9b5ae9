package ca_test

import (
	"bytes"
	"crypto"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
)

// TestRootRotation walks through two rotations in steps of a tenth of an SVID's life. At each step somebody gets an SVID, and
// all whose SVIDs are valid then must trust each other.
func TestRootRotation(t *testing.T) {
	clock := newClock()
	told := 0
	dir := t.TempDir()
	o := ca.Options{TrustDomain: "td", TTL: time.Hour, MaxTTL: time.Hour, RootLife: 6 * time.Hour, Now: clock.now, RootsChanged: func([]byte) { told++ }}
	c, err := ca.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	first := c.Roots()[0]
	id := mustID(t, own)
	var valid []*identity.SVID
	sizes := map[int]int{}
	for range 140 { // 14 hours
		clock.t = clock.t.Add(6 * time.Minute)
		if sizes[2]%7 == 3 { // a control that restarts in the middle goes on where it was
			if c, err = ca.Open(dir, o); err != nil {
				t.Fatal(err)
			}
		}
		svid, _ := mustSign(t, c, id, 0)
		valid = append(slices.DeleteFunc(valid, func(s *identity.SVID) bool { return s.Expired(clock.t) != nil }), svid)
		for _, other := range valid {
			mustTrust(t, other, svid)
			mustTrust(t, svid, other)
		}
		sizes[len(svid.Bundle.Roots())]++
	}
	if roots := c.Roots(); bytes.Equal(roots[0], first) {
		t.Error("the first root is still there")
	}
	if sizes[2] < 35 || sizes[2] > 45 || sizes[3] != 0 { // two rotations of two hours
		t.Errorf("bundles by their number of roots: %v", sizes)
	}
	if told != 4 {
		t.Errorf("told of %d changes", told)
	}
}

// mustTrust fails when a's roots do not vouch for b.
func mustTrust(t *testing.T, a, b *identity.SVID) {
	t.Helper()
	if _, err := identity.NewSVID(b.Certificate.PrivateKey.(crypto.Signer), b.Certificate.Certificate, a.Bundle.Roots()); err != nil {
		t.Fatalf("an SVID of %s does not trust one of %s: %v", a.NotBefore, b.NotBefore, err)
	}
}

// TestRotationThatCannotBeWritten: the old root goes on, nobody is refused, and what is signed meanwhile is trusted by a CA
// that restarts. When there is room again, the rotation is made.
func TestRotationThatCannotBeWritten(t *testing.T) {
	clock := newClock()
	dir := filepath.Join(t.TempDir(), "ca")
	o := ca.Options{TrustDomain: "td", TTL: time.Hour, MaxTTL: time.Hour, RootLife: 6 * time.Hour, Now: clock.now}
	c, err := ca.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	id := mustID(t, own)
	block := func() {
		t.Helper()
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
	}
	unblock := func() {
		t.Helper()
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
	}
	block()
	if err := c.RotateRoot(); err == nil {
		t.Error("a rotation that is not written is no error to whoever asks for it")
	}
	for range 80 { // 8 hours: the rotation falls due after 6, and would sign after 7
		clock.t = clock.t.Add(6 * time.Minute)
		if svid, _ := mustSign(t, c, id, 0); len(svid.Bundle.Roots()) != 1 {
			t.Fatalf("%d roots are trusted, and one is written", len(svid.Bundle.Roots()))
		}
	}
	before, _ := mustSign(t, c, id, 0)
	unblock()
	if c, err = ca.Open(dir, o); err != nil {
		t.Fatal(err)
	}
	after, _ := mustSign(t, c, id, 0)
	mustTrust(t, before, after)
	mustTrust(t, after, before)
	if n := len(c.Roots()); n != 2 {
		t.Errorf("with room again, %d roots", n)
	}
	block()
	clock.t = clock.t.Add(2*time.Hour + time.Minute) // the old one should go, and stays
	mustSign(t, c, id, 0)
	if n := len(c.Roots()); n != 2 {
		t.Errorf("%d roots, though their number could not be written", n)
	}
	unblock()
	clock.t = clock.t.Add(2 * time.Minute)
	if n := len(c.Roots()); n != 1 {
		t.Errorf("%d roots at last", n)
	}
}

func TestRotateRootNow(t *testing.T) {
	clock := newClock()
	c := newCA(t, ca.Options{Now: clock.now, TTL: time.Hour, MaxTTL: time.Hour})
	for range 2 { // the second changes nothing
		if err := c.RotateRoot(); err != nil {
			t.Fatal(err)
		}
		if n := len(c.Roots()); n != 2 {
			t.Errorf("%d roots", n)
		}
	}
	old := c.Roots()[0]
	clock.t = clock.t.Add(2 * time.Hour)
	if roots := c.Roots(); len(roots) != 1 || bytes.Equal(roots[0], old) {
		t.Errorf("after two lives: %d roots, the old one among them: %v", len(roots), bytes.Equal(roots[0], old))
	}
	if _, err := ca.New(ca.Options{TrustDomain: "td", TTL: time.Hour, MaxTTL: time.Hour, RootLife: time.Hour}); err == nil {
		t.Error("a root that lives as long as an SVID is accepted")
	}
}
