package verdict

import (
	"math"
	"strings"
	"testing"
)

// ratios is a run of one row in which ours are so many times a peer that has 100 in every round.
func ratios(row Row, all ...float64) *Document {
	d := &Document{Run: smallRun(), End: &End{}}
	d.Rounds, d.Rows, d.Subjects = len(all), []Row{row}, []Subject{{Name: row.Subject}, {Name: row.Peer}}
	for i, x := range all {
		d.Samples = append(d.Samples, Sample{i, row.Name, row.Subject, row.Metric, 100 * x}, Sample{i, row.Name, row.Peer, row.Metric, 100})
	}
	return d
}

func TestVerdicts(t *testing.T) {
	more := Row{Up1, "bulk", Throughput, More, Bulkhead, "nginx-tuned", 1.0, 1.5}
	less := Row{Up1, "bulk", CPUPerGiB, Less, Bulkhead, "nginx-tuned", 0.9, 0.5}
	for name, c := range map[string]struct {
		row       Row
		ratios    []float64
		bar, goal string
	}{
		"all above":                 {more, []float64{1.1, 1.2, 1.3, 1.2, 1.1, 1.2, 1.3, 1.2, 1.1}, Pass, Miss},
		"one of nine is no matter":  {more, []float64{0.1, 1.2, 1.3, 1.2, 1.1, 1.2, 1.3, 1.2, 1.1}, Pass, Miss},
		"two are":                   {more, []float64{0.1, 0.2, 1.3, 1.2, 1.1, 1.2, 1.3, 1.2, 1.1}, Tie, Miss},
		"across":                    {more, []float64{0.8, 0.9, 1.0, 1.1, 1.2, 0.8, 0.9, 1.1, 1.2}, Tie, Miss},
		"all below":                 {more, []float64{0.8, 0.9, 0.8, 0.9, 0.8, 0.9, 0.8, 0.9, 0.8}, Miss, Miss},
		"the goal":                  {more, []float64{1.6, 1.7, 1.6, 1.7, 1.6, 1.7, 1.6, 1.7, 1.6}, Pass, Pass},
		"exactly the bar":           {more, []float64{1, 1, 1, 1, 1, 1}, Pass, Miss},
		"less is better":            {less, []float64{0.6, 0.7, 0.6, 0.7, 0.6, 0.7, 0.6, 0.7, 0.6}, Pass, Miss},
		"less, and missed":          {less, []float64{0.95, 1, 0.95, 1, 0.95, 1, 0.95, 1, 0.95}, Miss, Miss},
		"less, the goal":            {less, []float64{0.4, 0.4, 0.4, 0.4, 0.4, 0.4}, Pass, Pass},
		"five rounds tell nothing":  {more, []float64{9, 9, 9, 9, 9}, Tie, Tie},
		"nothing was measured":      {more, nil, Blank, Blank},
		"one round, and it is true": {more, []float64{9}, Tie, Tie},
	} {
		d := ratios(c.row, c.ratios...)
		d.Rounds = max(d.Rounds, 1)
		j := d.Judge().Rows[0]
		if j.OnBar != c.bar || j.OnGoal != c.goal || j.Rounds != len(c.ratios) {
			t.Errorf("%s: %+v, want %q and %q", name, j, c.bar, c.goal)
		}
	}
}

// TestRoundsArePaired: a machine that slows down by half between two rounds changes no ratio, and a round in which one of
// the two is missing is none.
func TestRoundsArePaired(t *testing.T) {
	row := Rows()[0]
	d := ratios(row, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2)
	for i := range d.Samples {
		if d.Samples[i].Round%2 == 1 {
			d.Samples[i].Value /= 2
		}
	}
	d.Samples = d.Samples[:len(d.Samples)-1] // the peer of the last round
	j := d.Judge().Rows[0]
	if j.Rounds != 6 || math.Abs(j.Interval.Low-1.2) > 1e-12 || math.Abs(j.Interval.Up-1.2) > 1e-12 {
		t.Errorf("%+v %+v", j, j.Interval)
	}
	if got, want := j.Verdict(), "1.20 of nginx-tuned, 1.20 to 1.20: bar pass, goal miss"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestARunThatDidNotEnd(t *testing.T) {
	d := ratios(Rows()[0], 1, 1)
	for _, c := range []struct {
		end  *End
		want string
	}{{nil, "INVALID: the run was killed"}, {&End{Why: "it was interrupted"}, "INVALID: the run did not end: it was interrupted"}} {
		d.End = c.end
		if !strings.Contains(d.Table(), c.want) {
			t.Errorf("%+v: the table does not say %q", c.end, c.want)
		}
	}
}
