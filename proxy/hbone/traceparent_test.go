package hbone

import "testing"

const goodTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

func TestTraceparent(t *testing.T) {
	a, b := NewTraceparent(), NewTraceparent()
	if !ValidTraceparent(a) || !ValidTraceparent(b) || a == b || a[53:] != "00" {
		t.Errorf("made %q and %q", a, b)
	}
	if KeepTraceparent(goodTraceparent) != goodTraceparent {
		t.Error("a good one was replaced")
	}
	for _, bad := range []string{
		"", goodTraceparent + "0", goodTraceparent[:54],
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-00",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-00",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-00",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
	} {
		if ValidTraceparent(bad) {
			t.Errorf("%q is valid", bad)
		}
		if got := KeepTraceparent(bad); !ValidTraceparent(got) {
			t.Errorf("%q was replaced by %q", bad, got)
		}
	}
}
