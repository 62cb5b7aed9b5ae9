package measure

// BystanderLoad is what bystander flows asked for after the fault, outside of void
// bins, and what became of it.
type BystanderLoad struct {
	Requests int `json:"requests"`
	Late     int `json:"late"`   // later than L, or failed: a request that failed was never answered within L
	Errors   int `json:"errors"` // failed requests and broken connections
}

// share is the late part, in percent.
func (b BystanderLoad) share() float64 {
	if b.Requests == 0 {
		return 0
	}
	return 100 * float64(b.Late) / float64(b.Requests)
}

// add counts a bystander flow's records after the fault.
func (b *BystanderLoad) add(cells map[int]cell, void map[int]bool) {
	for i, c := range cells {
		if void[i] {
			continue
		}
		b.Requests += c.requests
		b.Late += c.late + c.failed
		b.Errors += c.failed + c.breaks
	}
}

// Paired compares, over repeats, each segment with a fault with the null segment of
// the same turn: same process, same connections, seconds apart. In percent and
// percentage points.
type Paired struct {
	Pairs   int     `json:"pairs"`
	Clean   int     `json:"clean"`   // pairs whose fault cost no bystander flow an error
	Null    float64 `json:"null"`    // mean late share
	Fault   float64 `json:"fault"`   // mean late share
	Rise    float64 `json:"rise"`    // mean of the differences
	RiseLow float64 `json:"riseLow"` // 95 % bootstrap interval of that mean
	RiseUp  float64 `json:"riseUp"`
}

// paired compares one subject's segments; nil with fewer than two pairs, of which
// nothing can be resampled.
func paired(run *Run, outcomes []Outcome, subject string) *Paired {
	nulls := map[int]*Outcome{} // by repeat
	for i := range outcomes {
		if o := &outcomes[i]; o.Subject == subject && o.Kind == Null {
			nulls[o.Repeat] = o
		}
	}
	p := &Paired{}
	var rises []float64
	for i := range outcomes {
		o := &outcomes[i]
		null := nulls[o.Repeat]
		if o.Subject != subject || o.Kind != run.Drill || o.Kind == Null || null == nil {
			continue
		}
		p.Pairs++
		if o.BystanderLoad.Errors == 0 {
			p.Clean++
		}
		p.Null += null.BystanderLoad.share()
		p.Fault += o.BystanderLoad.share()
		rises = append(rises, o.BystanderLoad.share()-null.BystanderLoad.share())
	}
	if p.Pairs < 2 {
		return nil
	}
	p.Null, p.Fault, p.Rise = p.Null/float64(p.Pairs), p.Fault/float64(p.Pairs), mean(rises)
	p.RiseLow, p.RiseUp = bootstrap(rises, run.Seed)
	return p
}

func mean(all []float64) (sum float64) {
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}

// isBystander: neither end is the culprit.
func (r *Run) isBystander(f *Flow) bool { return f.Client != r.Culprit && f.Server != r.Culprit }
