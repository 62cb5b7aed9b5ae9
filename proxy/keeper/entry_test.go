package keeper

import (
	"context"
	"errors"
	"testing"
)

// A rollback does not wait longer for a pod that is being taken in than its caller does, and
// one that gave up waiting has shut nothing.
func TestARollbackIsNotHeldUpAtTheDoor(t *testing.T) {
	k := &Keeper{entry: newEntry()}
	leave, err := k.entry.pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the caller is gone")
	cancel(gone)
	if err := k.setLeaving(ctx, true); !errors.Is(err, gone) || k.leaving {
		t.Errorf("%v, leaving %t", err, k.leaving)
	}
	second, err := k.entry.pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second()
	leave()
	if err := k.setLeaving(t.Context(), true); err != nil || !k.leaving {
		t.Errorf("%v, leaving %t", err, k.leaving)
	}
}
