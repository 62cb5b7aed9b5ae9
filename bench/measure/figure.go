package measure

import "time"

// Figure is one number that every outcome of a subject has, so that repeats of it can be
// summarized and two runs compared.
type Figure struct {
	Name string
	Unit string // empty for a count
	of   func(*Outcome) (float64, bool)
}

// Names of figures.
const (
	FigureHit        = "hit flows"
	FigureBystanders = "bystander flows hit"
	FigureNew        = "error-seconds new"
	FigureReused     = "error-seconds reused"
	FigureRecovery   = "recovery"
	FigureFailed     = "failed requests"
	FigureLate       = "bystander requests late"
	FigurePSS        = "memory"
	FigureCPU        = "CPU per 1,000 requests"
)

// Figures are all figures, in the order of reports. More of any of them is worse.
var Figures = []Figure{
	{FigureHit, "", func(o *Outcome) (float64, bool) { return float64(len(o.Hit)), true }},
	{FigureBystanders, "", func(o *Outcome) (float64, bool) { return float64(len(o.Bystanders)), true }},
	{FigureNew, "s", func(o *Outcome) (float64, bool) { return o.ErrorSeconds.New, true }},
	{FigureReused, "s", func(o *Outcome) (float64, bool) { return o.ErrorSeconds.Reused, true }},
	// Of an outcome that did not recover in time this is the end of its last bad bin: a
	// lower bound, and a report says how many are.
	{FigureRecovery, "s", func(o *Outcome) (float64, bool) { return o.Recovery.After.Round(time.Millisecond).Seconds(), true }},
	{FigureFailed, "", func(o *Outcome) (float64, bool) { return float64(o.failed()), true }},
	{FigureLate, "%", func(o *Outcome) (float64, bool) { return o.BystanderLoad.share(), o.BystanderLoad.Requests > 0 }},
	{FigurePSS, "MiB", func(o *Outcome) (float64, bool) { return float64(o.PSS) / (1 << 20), o.Measured }},
	{FigureCPU, "ms", func(o *Outcome) (float64, bool) { return o.CPUPer1k, o.Measured }},
}

// Values are the figure's values of those outcomes that have it.
func (f Figure) Values(outcomes []*Outcome) (all []float64) {
	for _, o := range outcomes {
		if v, has := f.of(o); has {
			all = append(all, v)
		}
	}
	return all
}

// failed counts failed requests after the fault; broken connections are none.
func (o *Outcome) failed() (n int) {
	for _, c := range o.Failures {
		n += c
	}
	return n
}
