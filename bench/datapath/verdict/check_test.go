package verdict

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// Spreads of the stories: the machine moves by 15 % from round to round, and one measurement against another by 4 %,
// which is what quiet machines have.
const (
	machineSpread = 0.15
	ownSpread     = 0.04
)

// build is a run of 9 rounds in which ours need so many times as much for one metric of one row, or do so much less.
func build(seed uint64, row, metric string, times float64) *Document {
	return buildOf(9, seed, row, metric, times)
}

func buildOf(rounds int, seed uint64, row, metric string, times float64) *Document {
	s := story{
		rounds: rounds, machine: machineSpread, own: ownSpread, draw: seeded(seed), subjects: []string{Bulkhead, BulkheadPoolOff, "nginx", "nginx-tuned", BulkheadQUIC, PlainQUIC},
		factor: func(r, subject, m string) float64 {
			if r != row || subject != Bulkhead || m != metric {
				return 1
			}
			if better(m) == More {
				return 1 / times
			}
			return times
		},
	}
	return s.tell()
}

// Names of two builds in one run.
const before, after = "before", "after"

// twoBuilds is a run with both in it.
func twoBuilds(seed uint64, row string, times float64) *Document {
	s := story{
		rounds: 9, machine: machineSpread, own: ownSpread, draw: seeded(seed), subjects: []string{before, after},
		factor: func(r, subject, m string) float64 {
			switch {
			case r != row || subject != after:
				return 1
			case better(m) == More:
				return 1 / times
			}
			return times
		},
	}
	return s.tell()
}

// TestEqualBuildsRarelyFail: no more often than is said, and that is not because nothing is ever found.
func TestEqualBuildsRarelyFail(t *testing.T) {
	const times = 150
	most := falseAlarms + 3*math.Sqrt(falseAlarms*(1-falseAlarms)/times)
	records, builds := 0, 0
	for i := range uint64(times) {
		c, err := Check(build(2*i, "", "", 1), build(2*i+1, "", "", 1))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Worse()) > 0 {
			records++
		}
		if c, err = CheckBuilds(twoBuilds(i, "", 1), before, after); err != nil {
			t.Fatal(err)
		}
		if len(c.Worse()) > 0 {
			builds++
		}
	}
	t.Logf("of %d checks of equal builds %d failed with two records, %d in one run", times, records, builds)
	for name, n := range map[string]int{"two records": records, "one run": builds} {
		if share := float64(n) / times; share > most {
			t.Errorf("%s: %.3f of the checks fail, more than %.3f", name, share, most)
		}
	}
}

// TestARegressionIsFound: 10 % in one metric, in either direction of better, by nearly every check: of 9 rounds where both
// builds are in one run, of 15 where the noise of two peers comes in as well.
func TestARegressionIsFound(t *testing.T) {
	const times = 50
	for _, row := range []struct{ name, metric string }{{Up16, CPUPerGiB}, {Echo64, Requests}} {
		records, builds := 0, 0
		for i := range uint64(times) {
			c, err := Check(buildOf(15, 2*i, "", "", 1), buildOf(15, 2*i+1, row.name, row.metric, 1.1))
			if err != nil {
				t.Fatal(err)
			}
			records += found(c, row.name, row.metric)
			if c, err = CheckBuilds(twoBuilds(i, row.name, 1.1), before, after); err != nil {
				t.Fatal(err)
			}
			builds += found(c, row.name, row.metric)
		}
		t.Logf("10 %% in %s, %s: found %d times of %d with two records of 15 rounds, %d in one run of 9", row.name, row.metric, records, times, builds)
		if records < 40 || builds < 40 {
			t.Errorf("%s, %s: found %d times with two records, %d in one run", row.name, row.metric, records, builds)
		}
	}
}

func found(c *Comparison, row, metric string) int {
	for _, r := range c.Rows {
		if r.Name == row && r.Metric == metric && r.Subject == Bulkhead && r.Verdict == Worse {
			return 1
		}
	}
	return 0
}

// TestTheMachineBetweenTwoRuns: one that is half as fast in the second run changes nothing, as the peer is slow, too.
func TestTheMachineBetweenTwoRuns(t *testing.T) {
	fast, slow := build(1, "", "", 1), build(1, "", "", 1)
	for i := range slow.Samples {
		if better(slow.Samples[i].Metric) == More {
			slow.Samples[i].Value /= 2
		} else {
			slow.Samples[i].Value *= 2
		}
	}
	c, err := Check(fast, slow)
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Worse(); len(w) > 0 || len(c.Rows) != len(Rows()) {
		t.Errorf("%d rows, %v", len(c.Rows), w)
	}
	if !strings.Contains(c.Table(), "noise") {
		t.Errorf("%s", c.Table())
	}
}

// TestImprovementsAreNoFailure, and are said.
func TestImprovementsAreNoFailure(t *testing.T) {
	c, err := Check(build(1, "", "", 1), build(2, Up1, Throughput, 0.5))
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Worse(); len(w) > 0 || c.Rows[0].Verdict != Better || math.Abs(c.Rows[0].Factor-2) > 0.2 {
		t.Errorf("%v, %+v", w, c.Rows[0])
	}
}

func TestCheckSaysWhatIsWorse(t *testing.T) {
	c, err := Check(build(1, "", "", 1), build(2, Up16, CPUPerGiB, 1.5))
	if err != nil {
		t.Fatal(err)
	}
	w := c.Worse()
	if len(w) != 1 || !strings.HasPrefix(w[0], "16 connections, bulk, cpu-s/GiB: +") || !strings.Contains(w[0], " % (interval +") {
		t.Errorf("%q", w)
	}
	for line := range strings.Lines(c.Table()) {
		if n := len([]rune(strings.TrimSpace(line))); n > 110 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	b, err := c.JSON()
	var got Comparison
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil || len(got.Rows) != len(c.Rows) || got.Rows[3].Verdict != Worse {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestWhatCannotBeCompared(t *testing.T) {
	whole := build(1, "", "", 1)
	for name, change := range map[string]func(*Document){
		"another machine":    func(d *Document) { d.CPU = "another" },
		"another nginx":      func(d *Document) { d.Subjects[2].Version = "1.29" },
		"a killed run":       func(d *Document) { d.End = nil },
		"an interrupted run": func(d *Document) { d.End = &End{Why: "it was interrupted"} },
		"nothing in common":  func(d *Document) { d.Samples = nil },
		"three rounds":       func(d *Document) { d.Samples = upTo(d.Samples, 3) },
	} {
		other := build(2, "", "", 1)
		change(other)
		var m *Misuse
		if c, err := Check(whole, other); !errors.As(err, &m) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	var m *Misuse
	if c, err := CheckBuilds(whole, before, after); !errors.As(err, &m) {
		t.Errorf("one build: %+v, %v", c, err)
	}
	if c, err := CheckBuilds(ratios(Rows()[0], 1, 1, 1, 1, 1, 1, 1), Bulkhead, "nginx-tuned"); err != nil || len(c.Rows) != 1 || c.Rows[0].Verdict != Noise {
		t.Errorf("ours and a peer that are equal to the digit: %+v, %v", c, err)
	}
	gaps := twoBuilds(1, "", 1) // before lacks four rounds, after one of the others: four pairs are left
	gaps.Samples = slices.DeleteFunc(gaps.Samples, func(s Sample) bool {
		return s.Subject == before && s.Round < 4 || s.Subject == after && s.Round == 8
	})
	if c, err := CheckBuilds(gaps, before, after); !errors.As(err, &m) {
		t.Errorf("four pairs: %+v, %v", c, err)
	}
	some := build(2, "", "", 1)
	some.Rows = some.Rows[:4]
	if c, err := Check(some, whole); err != nil || len(c.Rows) != 4 || len(c.Left) != len(Rows())-4 {
		t.Errorf("%+v, %v", c, err)
	}
}

func upTo(all []Sample, rounds int) (some []Sample) {
	for _, s := range all {
		if s.Round < rounds {
			some = append(some, s)
		}
	}
	return some
}
