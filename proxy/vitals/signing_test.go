package vitals

import (
	"context"
	"errors"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
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
