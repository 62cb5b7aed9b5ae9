package hazard

import (
	"context"
	"testing"
)

// The last hazard counts, and only its own disarming ends it.
func TestArm(t *testing.T) {
	met := ""
	first := Arm(&Hazard{Connection: func(_ context.Context, w string) { met += "first " + w }})
	second := Arm(&Hazard{Bytes: func(b []byte) { met += string(b) }})
	Connection(t.Context(), "a/b")
	Bytes([]byte("x"))
	first()
	Bytes([]byte("y"))
	second()
	Bytes([]byte("z"))
	if met != "xy" {
		t.Errorf("met %q, want xy", met)
	}
}

// Unarmed, the data path pays a load and no memory.
func TestUnarmed(t *testing.T) {
	b, ctx := make([]byte, 64), context.Background()
	if n := testing.AllocsPerRun(100, func() { Bytes(b); Connection(ctx, "a/b") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
