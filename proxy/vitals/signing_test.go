package vitals

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

type signer struct{ err error }

func (s *signer) Sign(context.Context, identity.ID, []byte) (chain, roots [][]byte, err error) {
	return nil, nil, s.err
}

// Failures in a row are counted from the first of them, and forgotten when one succeeds;
// that somebody gave up asking is none.
func TestSigningRemembers(t *testing.T) {
	ca := &signer{}
	s := NewSigning(ca)
	for i, step := range []struct {
		err     error
		failing int
		signed  uint64
	}{
		{nil, 0, 1}, {errors.New("away"), 1, 1}, {context.DeadlineExceeded, 2, 1}, {context.Canceled, 2, 1}, {nil, 0, 2}, {errors.New("away"), 1, 2},
	} {
		ca.err = step.err
		if _, _, err := s.Sign(t.Context(), identity.ID{}, nil); !errors.Is(err, step.err) {
			t.Fatal(err)
		}
		got := s.CA()
		if got.Failing != step.failing || got.Signed != step.signed || got.Since.IsZero() != (step.failing == 0) || (got.Error == "") != (step.failing == 0) {
			t.Errorf("step %d: %+v", i, got)
		}
	}
}

// A signature that is dated for another time is none that anybody can use, and is handed on:
// whoever asked refuses it.
func TestSigningSeesWrongDates(t *testing.T) {
	id, err := identity.New("cluster.local", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := issuer.NewCSR(key, id)
	if err != nil {
		t.Fatal(err)
	}
	for ahead, failing := range map[time.Duration]int{0: 0, 2 * time.Hour: 1, -2 * time.Hour: 1} {
		authority, err := ca.New(ca.Options{TrustDomain: "cluster.local", Now: func() time.Time { return time.Now().Add(ahead) }})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSigning(ca.Local{CA: authority})
		chain, _, err := s.Sign(t.Context(), id, csr)
		if err != nil || len(chain) == 0 {
			t.Fatal(err)
		}
		if got := s.CA(); got.Failing != failing || strings.Contains(got.Error, "clock") != (failing > 0) {
			t.Errorf("%v ahead: %+v", ahead, got)
		}
		if got := s.CA().Dates; got.Refused != uint64(failing) || got.Ahead.Truncate(time.Hour) != ahead/2 { // each has an hour in which it is valid
			t.Errorf("%v ahead: %+v", ahead, got)
		}
	}
}
