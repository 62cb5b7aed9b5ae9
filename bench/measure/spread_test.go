package measure

import (
	"math"
	"strings"
	"testing"
)

// outcomesWith are outcomes whose one error-seconds figure takes given values.
func outcomesWith(values ...float64) (all []*Outcome) {
	for _, v := range values {
		all = append(all, &Outcome{ErrorSeconds: ErrorSeconds{New: v}})
	}
	return all
}

func spreadOf(values ...float64) Spread {
	for _, s := range spreads(Figures, outcomesWith(values...), 7) {
		if s.Figure == FigureNew {
			return s
		}
	}
	return Spread{}
}

func TestSpreads(t *testing.T) {
	if s := spreadOf(3); s != (Spread{Figure: FigureNew, Unit: "s", N: 1, Min: 3, Median: 3, Max: 3}) || s.Interval() {
		t.Errorf("of one run: %+v; want no interval", s)
	}
	s := spreadOf(9, 1, 5, 2, 4, 3, 8, 6, 7, 100)
	if s.N != 10 || s.Min != 1 || s.Median != 5 || s.Max != 100 || !s.Interval() {
		t.Errorf("%+v", s)
	}
	// The median of ten: the binomial interval of order statistics is 2 to 9, and that of
	// the lower median may lie one below. One outlier does not reach it.
	if s.Low < 1 || s.Low > 3 || s.Up < 7 || s.Up > 9 {
		t.Errorf("interval %v to %v", s.Low, s.Up)
	}
	if again := spreadOf(100, 7, 6, 8, 3, 4, 2, 5, 1, 9); again != s {
		t.Errorf("in another order: %+v, want %+v", again, s)
	}
	if s := spreadOf(2, 2, 2); s.Low != 2 || s.Up != 2 || s.Median != 2 {
		t.Errorf("of equals: %+v", s)
	}
}

// A resample's median is what sorting it would give.
func TestResampledMedian(t *testing.T) {
	sorted := []float64{1, 2, 3, 4, 5, 6}
	r := newResampler(1, len(sorted))
	sum := 0.0
	for range resamples {
		m := r.median(sorted)
		var drawn []float64
		for i, c := range r.counts {
			for range c {
				drawn = append(drawn, sorted[i])
			}
		}
		if len(drawn) != 6 || m != drawn[2] {
			t.Fatalf("median %v of %v", m, drawn)
		}
		sum += m
	}
	if mean := sum / resamples; math.Abs(mean-3) > 0.1 {
		t.Errorf("the mean of lower medians of 1..6 is %v", mean)
	}
}

func TestNoneSeenIsNeverSaidBare(t *testing.T) {
	for want, s := range map[string]Seen{
		"none seen in 50 repeats: below 6 % at 95 %":          {Of: 50, Unit: "repeat"},
		"none seen in 1 repeat: too few to say more":          {Of: 1, Unit: "repeat"},
		"none seen in 3 null segments: too few to say more":   {Of: 3, Unit: "null segment"},
		"none seen in 100000 attempts: below 0.003 % at 95 %": {Of: 100_000, Unit: "attempt"},
		"2 of 50 repeats": {Of: 50, Times: 2, Unit: "repeat"},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRowsHaveSpreads(t *testing.T) {
	s := newStory(Crash)
	s.segment(Crash, 20*sec).Repeat = 1
	s.segment(Crash, 40*sec).Repeat = 2
	s.run.Segments[2].Skipped = "no cgroups"
	s.fail(0, 0, 4*second, "refused") // until the end: it did not recover
	row := s.judge(t).Rows[0]
	if row.Open != 1 {
		t.Errorf("%d open outcomes, want 1", row.Open)
	}
	for figure, want := range map[string]Spread{
		FigureHit:      {N: 2, Max: 1, Up: 1},
		FigureNew:      {Unit: "s", N: 2, Max: 4, Up: 4},
		FigureRecovery: {Unit: "s", N: 2, Max: 4, Up: 4},
		FigureFailed:   {N: 2, Max: 80, Up: 80},
		FigureLate:     {Unit: "%", N: 2},
	} {
		want.Figure = figure
		if got := row.Spread(figure); got == nil || *got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if got := row.Spread(FigurePSS); got != nil {
		t.Errorf("memory that nobody measured: %+v", got)
	}
}

func TestSeenCounts(t *testing.T) {
	s := newStory(Null)
	s.run.Drill = "spoof"
	s.segment("spoof", 20*sec).Checks = []Check{{Name: "spoofed identity admitted", Tried: 40}}
	s.segment(Undone, 40*sec)
	var said []string
	for _, seen := range s.judge(t).Seen {
		said = append(said, seen.Subject+"|"+seen.What+"|"+seen.String())
	}
	want := []string{
		"|errors without a fault|none seen in 1 null segment: too few to say more",
		"shared|errors after an undo|none seen in 1 undone segment: too few to say more",
		"shared|bystander flows hit|none seen in 1 repeat: too few to say more",
		"shared|spoofed identity admitted|none seen in 40 attempts: below 7.5 % at 95 %",
	}
	if got := strings.Join(said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
}
