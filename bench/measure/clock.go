package measure

import (
	"fmt"
	"slices"
	"time"
)

// skew is between which bounds a sampler's clock is ahead of the injector's: it was read
// after it was asked for and before its answer was there.
func (c Clock) skew() (least, most time.Duration) {
	return time.Duration(c.At - c.Told), time.Duration(c.At - c.Asked)
}

// harmless is a skew that nobody needs to know of: a hundredth of a bin.
const harmless = Bin / 100

// skewed says which samplers' clocks cannot be the injector's. What they recorded before
// the fault may have come after it, and the other way round.
func skewed(clocks []Clock) (why []string) {
	worst := map[string]time.Duration{} // by workload, signed
	for _, c := range clocks {
		least, most := c.skew()
		off := max(least, 0) + min(most, 0) // one of them is 0
		if off.Abs() > worst[c.Workload].Abs() {
			worst[c.Workload] = off
		}
	}
	var names []string
	for name := range worst {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch off := worst[name]; {
		case off.Abs() < harmless:
		case off > 0:
			why = append(why, fmt.Sprintf("the clock of the sampler in %s is %v ahead of the injector's at least", name, off))
		default:
			why = append(why, fmt.Sprintf("the clock of the sampler in %s is %v behind the injector's at least", name, -off))
		}
	}
	return why
}

// ClockBound is how far a sampler's clock may be from the injector's without having been
// noticed; false when no clock was compared, as in records from before.
func (r *Run) ClockBound() (within time.Duration, compared bool) {
	for _, c := range r.Clocks {
		least, most := c.skew()
		within = max(within, least.Abs(), most.Abs())
	}
	return within, len(r.Clocks) > 0
}

func (r *Run) checkClocks() error {
	for _, c := range r.Clocks {
		if r.workload(c.Workload) == nil {
			return fmt.Errorf("clock of unknown workload %q", c.Workload)
		}
		if c.Asked < 0 || c.Told < c.Asked || c.At < 0 || max(c.At, c.Told) > maxTime {
			return fmt.Errorf("clock of %s: times out of order", c.Workload)
		}
	}
	return nil
}
