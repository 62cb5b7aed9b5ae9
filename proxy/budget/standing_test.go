package budget

import (
	"errors"
	"testing"
)

// TestStanding: a quarter of the bytes may be charged for what stands; it is given back once, and all that can be ended is
// ended for want of memory.
func TestStanding(t *testing.T) {
	a := NewAccount(Limits{Bytes: 4 << 20}, NewTurns(1))
	var all []*Standing
	for range 4 {
		s, err := a.Stand(256<<10, 10<<20)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	_, err := a.Stand(1, 1)
	var over *Error
	if !errors.As(err, &over) || over.Resource != Bytes || a.Buffered() != 1<<20 {
		t.Errorf("got %v; %d bytes are charged", err, a.Buffered())
	}
	if a.Unseen() != 0 || a.Relieve() != 0 {
		t.Error("something was ended that cannot be")
	}
	why := make(chan error, 4)
	for _, s := range all[:3] {
		s.Ends(func(err error) { why <- err })
	}
	all[2].Leave()
	all[2].Leave()
	if n := a.Unseen(); n != 20<<20 || a.Buffered() != 768<<10 {
		t.Errorf("%d may be there, %d bytes are charged", n, a.Buffered())
	}
	if n := a.Relieve(); n != 2 || a.Relieve() != 0 || a.Unseen() != 0 {
		t.Errorf("%d were ended, want 2, once", n)
	}
	for range 2 {
		if err := <-why; !errors.As(err, &over) || over.Resource != Memory {
			t.Errorf("ended with %v", err)
		}
	}
	for _, s := range all {
		s.Leave()
	}
	if a.Buffered() != 0 {
		t.Errorf("%d bytes are charged", a.Buffered())
	}
	var none *Account
	s, err := none.Stand(1, 1)
	if s.Ends(nil); err != nil || none.Unseen() != 0 || none.Relieve() != 0 {
		t.Errorf("an account that is none takes notice: %v", err)
	}
	s.Leave()
}
