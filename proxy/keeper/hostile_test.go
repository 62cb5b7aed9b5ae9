package keeper

import (
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// A cell that asks for what is not its own gets a sentence, before the first snapshot
// as after it.
func TestACellAsksForOthers(t *testing.T) {
	k, x := &Keeper{}, &process{}
	if a := k.resolve(x, &cell.Resolve{ID: 3, UID: "b/other"}); a.ID != 3 || a.Error == "" || len(a.Answer.Endpoints) > 0 {
		t.Errorf("a destination of another's: %+v", a)
	}
	for _, id := range []string{"spiffe://cluster.local/ns/b/sa/other", "", "spiffe://", "\x00"} {
		if got, err := k.authorize(x, id); err == nil {
			t.Errorf("%q is granted: %v", id, got)
		}
	}
}
