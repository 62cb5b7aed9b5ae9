package h2

import (
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// What the bytes of a stream pay for their budget. Compare on and off of the same run.
func BenchmarkEchoOnABudget(b *testing.B) {
	for name, a := range map[string]*budget.Account{"on": budget.NewAccount(budget.Limits{}, budget.NewTurns(1)), "off": nil} {
		b.Run("budgets="+name, func(b *testing.B) {
			tn, _ := pair(b, Options{Account: a}, echo)
			s := open(b, tn)
			p := make([]byte, 64<<10)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Write(p); err != nil {
					b.Fatal(err)
				}
				for n := 0; n < len(p); {
					m, err := s.Read(p[n:])
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
			}
		})
	}
}
