package keeper

import (
	"errors"
	"testing"
)

// A cell says when its SVIDs end, and `who` how long they last.
func TestACellSaysWhenItsSVIDsEnd(t *testing.T) {
	n := startNode(t, "isolation: shared")
	n.echo(t)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell has said what it holds", func() error {
		cell, _ := shares(t, n.who(t), "a/client")
		if cell.Survival == nil {
			return errors.New("not yet")
		}
		if s := cell.Survival; s.Seconds < 3000 || s.Seconds > 3600 || s.Identity == "" { // the CA's hour
			t.Errorf("%+v", s)
		}
		return nil
	})
}
