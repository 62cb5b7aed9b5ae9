package channel

import "testing"

// A small packet there and back leaves no garbage: idle cells get one a second.
func TestPacketsLeaveNoGarbage(t *testing.T) {
	a, b := pair(t)
	packet, buf := []byte(`{"ping":{"n":1}}`), make([]byte, 64)
	n := testing.AllocsPerRun(100, func() {
		if err := a.Send(packet); err != nil {
			t.Fatal(err)
		}
		if got, files, err := b.RecvInto(buf); err != nil || len(got) != len(packet) || len(files) > 0 {
			t.Fatalf("%q, %d files, %v", got, len(files), err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A packet that does not fit the caller's buffer gets one of its own.
func TestRecvIntoASmallBuffer(t *testing.T) {
	a, b := pair(t)
	if err := a.Send([]byte("longer")); err != nil {
		t.Fatal(err)
	}
	if got, _, err := b.RecvInto(make([]byte, 2)); err != nil || string(got) != "longer" {
		t.Errorf("%q, %v", got, err)
	}
}
