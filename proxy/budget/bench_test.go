package budget

import (
	"context"
	"testing"
)

// What a connection pays for its budget: its own place and that of its dial. Compare
// on and off of the same run.
func BenchmarkConnection(b *testing.B) {
	for name, a := range map[string]*Account{"on": NewAccount(Limits{ConnectionsPerSecond: 1 << 30}, NewTurns(1)), "off": nil} {
		b.Run("budgets="+name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				p, err := a.Connection(ctx)
				if err != nil {
					b.Fatal(err)
				}
				d, err := a.Dial(p.Under(ctx))
				if err != nil {
					b.Fatal(err)
				}
				d.Leave()
				p.Leave()
			}
		})
	}
}

// What 16 KiB of a stream pay: one charge and one return.
func BenchmarkBytes(b *testing.B) {
	for name, a := range map[string]*Account{"on": NewAccount(Limits{}, NewTurns(1)), "off": nil} {
		b.Run("budgets="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a.Pressed() || !a.Take(16<<10) {
					b.Fatal("no room")
				}
				a.Give(16 << 10)
			}
		})
	}
}
