package tunnel

import "time"

// What a peer may do, over any transport, before it is told to calm down and its tunnel ends. The standards leave the numbers to
// us: they are far above what an honest proxy does and far below what hurts.
//
// Resets bounds streams begun and reset before we answered them ("rapid reset"); Noise what costs work and moves nothing.
// Clients that give up on an application that hangs reset streams too, up to a tunnel full of them
// a second: the budget must be above that.
var (
	Resets = Allowance{Burst: 1000, PerSecond: 500}
	Noise  = Allowance{Burst: 2000, PerSecond: 500}
)

// Allowance is a token bucket; the zero time fills it. It belongs to one goroutine.
type Allowance struct {
	Burst, PerSecond float64

	left float64
	last time.Time
}

// Spend takes n tokens and reports whether there were as many.
func (b *Allowance) Spend(now time.Time, n int) bool {
	if b.last.IsZero() {
		b.left = b.Burst
	} else {
		b.left = min(b.Burst, b.left+now.Sub(b.last).Seconds()*b.PerSecond)
	}
	b.last = now
	if b.left < float64(n) {
		return false
	}
	b.left -= float64(n)
	return true
}
