package measure

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

const (
	hundred = 100 * time.Millisecond
	second  = time.Second
)

// want is the part of an outcome that a case is about.
type want struct {
	hit, bystanders, byLateness, down []int
	errorNew, errorReused             float64
	recovered                         time.Duration // -1: not within the window; 0: nothing to recover from
	alone                             int
	failures                          map[string]int
}

func TestJudgeOneSegment(t *testing.T) {
	for name, tc := range map[string]struct {
		tell func(*story)
		want want
	}{
		"nothing happens": {func(*story) {}, want{}},

		"one failed request is a hit of one bin": {
			func(s *story) { s.fail(0, 350*time.Millisecond, 400*time.Millisecond, load.Refused) },
			want{hit: []int{0}, errorNew: 0.1, recovered: 4 * hundred, failures: map[string]int{load.Refused: 1}}},

		"a bystander of the second node": {
			func(s *story) { s.fail(2, 0, 2*hundred, load.Reset) }, // bins 0 and 1, two requests each
			want{hit: []int{2}, bystanders: []int{2}, errorNew: 0.2, recovered: 2 * hundred, failures: map[string]int{load.Reset: 4}}},

		"one late bin is noise": {
			func(s *story) { s.slow(1, 3*hundred, 4*hundred, 150*time.Millisecond) },
			want{alone: 1}},

		"exactly L is not late": {
			func(s *story) { s.slow(1, 0, second, hundred) }, want{}},

		"two late bins in a row are a hit": {
			func(s *story) { s.slow(1, 350*time.Millisecond, 450*time.Millisecond, 101*time.Millisecond) }, // one request in bin 3, one in bin 4
			want{hit: []int{1}, bystanders: []int{1}, byLateness: []int{1}, errorReused: 0.2, recovered: 5 * hundred}},

		"two late bins with a quiet one between are noise": {
			func(s *story) {
				s.slow(1, 3*hundred, 4*hundred, 150*time.Millisecond)
				s.slow(1, 5*hundred, 6*hundred, 150*time.Millisecond)
			},
			want{alone: 2}},

		"a late bin beside a failed one is bad, one further away is not": {
			func(s *story) {
				s.fail(0, 3*hundred, 4*hundred, load.EOF)
				s.slow(0, 4*hundred, 5*hundred, 150*time.Millisecond)
				s.slow(0, 9*hundred, second, 150*time.Millisecond)
			},
			want{hit: []int{0}, errorNew: 0.2, recovered: 5 * hundred, alone: 1, failures: map[string]int{load.EOF: 2}}},

		"a broken connection without a failed request is a hit": {
			func(s *story) { s.breaks(1, time.Millisecond, load.EOF) },
			want{hit: []int{1}, bystanders: []int{1}, errorReused: 0.1, recovered: hundred}},

		"what was under way when the fault struck belongs to the fault": {
			func(s *story) {
				r := s.at(0, -50*time.Millisecond)
				r.Done, r.Error, r.Peer = tFault+3*ms, load.Reset, ""
			}, // bin -1 is bad; nothing after the fault had to recover
			want{hit: []int{0}, errorNew: 0.1, failures: map[string]int{load.Reset: 1}, recovered: -2}},

		"ten of twenty failures in a second are not down": {
			func(s *story) { s.fail(0, 0, 5*hundred, load.Refused) },
			want{hit: []int{0}, errorNew: 0.5, recovered: 5 * hundred, failures: map[string]int{load.Refused: 10}}},

		"eleven of twenty are": {
			func(s *story) { s.fail(0, 0, 550*time.Millisecond, load.Refused) }, // the last bin has one failure of two
			want{hit: []int{0}, down: []int{0}, errorNew: 0.6, recovered: 6 * hundred, failures: map[string]int{load.Refused: 11}}},

		"late answers do not make down": {
			func(s *story) { s.slow(2, 0, second, 300*time.Millisecond) },
			want{hit: []int{2}, bystanders: []int{2}, byLateness: []int{2}, errorNew: 1, recovered: second}},

		"bad until two seconds before the end is recovered": {
			func(s *story) { s.fail(0, 0, 2*second, load.Timeout) },
			want{hit: []int{0}, down: []int{0}, errorNew: 2, recovered: 2 * second, failures: map[string]int{load.Timeout: 40}}},

		"a bin later is not within the window": {
			func(s *story) { s.fail(0, 0, 2*second+50*time.Millisecond, load.Timeout) },
			want{hit: []int{0}, down: []int{0}, errorNew: 2.1, recovered: -1, failures: map[string]int{load.Timeout: 41}}},

		"several flows add up": {
			func(s *story) {
				s.fail(0, 0, second, load.Refused)
				s.breaks(1, 2*time.Millisecond, load.Reset)
				s.fail(1, 50*time.Millisecond, second, load.Refused)
				s.fail(2, 0, hundred, load.Refused)
			},
			want{hit: []int{0, 1, 2}, bystanders: []int{1, 2}, down: []int{0, 1}, errorNew: 1.1, errorReused: 1,
				recovered: second, failures: map[string]int{load.Refused: 41}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(Crash)
			tc.tell(s)
			compare(t, tc.want, s.judge(t).Outcomes[0])
		})
	}
}

func compare(t *testing.T, w want, o Outcome) {
	t.Helper()
	list := func(ids []int) []int { return append([]int{}, ids...) }
	type seen struct {
		Hit, Bystanders, ByLateness, Down []int
		Errors                            ErrorSeconds
		Recovery                          Recovery
		Alone                             int
		Failures                          map[string]int
	}
	wanted := seen{list(w.hit), list(w.bystanders), list(w.byLateness), list(w.down), ErrorSeconds{w.errorNew, w.errorReused},
		Recovery{}, w.alone, w.failures}
	switch {
	case w.recovered == -2:
		wanted.Recovery = Recovery{Needed: true, Within: true}
	case w.recovered == -1:
		wanted.Recovery = Recovery{Needed: true, After: o.Recovery.After}
	case w.recovered > 0:
		wanted.Recovery = Recovery{Needed: true, Within: true, After: w.recovered}
	}
	if wanted.Failures == nil {
		wanted.Failures = map[string]int{}
	}
	got := seen{o.Hit, o.Bystanders, o.ByLateness, o.Down, o.ErrorSeconds, o.Recovery, o.LateAlone, o.Failures}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestVictims(t *testing.T) {
	s := newStory(Crash)
	s.fail(0, 0, second, load.Refused) // the culprit's own flow makes nobody a bystander
	s.breaks(1, ms1, load.EOF)
	s.fail(2, 0, second, load.Refused)
	want := []Victim{{"b/y", "n1", 1, 0}, {"c/z", "n2", 2, 1}, {"d/w", "n2", 1, 1}}
	if d := cmp.Diff(want, s.judge(t).Outcomes[0].Victims); d != "" {
		t.Error(d)
	}
}

// A pod that talks to itself is one victim of one flow.
func TestVictimOfItsOwnFlow(t *testing.T) {
	s := newStory(Crash)
	s.run.Flows[2].Server = s.run.Flows[2].Client
	s.fail(2, 0, hundred, load.Refused)
	if d := cmp.Diff([]Victim{{"c/z", "n2", 1, 0}}, s.judge(t).Outcomes[0].Victims); d != "" {
		t.Error(d)
	}
}

const ms1 = time.Millisecond

func TestLateFollowsTheLargestBaseline(t *testing.T) {
	s := newStory(Crash)
	if l := s.judge(t).Late; l != hundred {
		t.Errorf("L is %v with a p99 of 2 ms, want %v", l, hundred)
	}
	// 60 requests per flow in the baseline, 180 in all: the p99 is the 179th. Two
	// slow ones are needed to move it.
	s.slow(0, -50*time.Millisecond-hundred, -hundred, 60*time.Millisecond)
	if l := s.judge(t).Late; l != hundred {
		t.Errorf("L is %v with one slow request of 180, want %v", l, hundred)
	}
	s.slow(0, -2*hundred, -hundred, 60*time.Millisecond)
	if l := s.judge(t).Late; l != 180*time.Millisecond {
		t.Errorf("L is %v with a p99 of 60 ms, want 180ms", l)
	}
	// A stalled machine is not the subject's latency: without these two bins it is quiet.
	stalled := newStory(Crash)
	stalled.slow(0, -2*hundred, -hundred, 60*time.Millisecond)
	stalled.slow(1, -5*hundred, -3*hundred, 250*time.Millisecond)
	stalled.slow(9, -5*hundred, -3*hundred, 101*time.Millisecond)
	if l := stalled.judge(t).Late; l != 180*time.Millisecond {
		t.Errorf("L is %v with a stall of 250 ms beside a p99 of 60 ms, want 180ms", l)
	}
	// A second, quiet segment does not lower it: L is one number for the run.
	s.segment(Crash, 20*sec)
	if l := s.judge(t).Late; l != 180*time.Millisecond {
		t.Errorf("L is %v after a quiet segment, want 180ms", l)
	}
}

func TestP99IsNearestRank(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 1, 99: 99, 100: 99, 101: 100, 200: 198} {
		var all []time.Duration
		for i := n; i > 0; i-- {
			all = append(all, time.Duration(i))
		}
		if got := P99(all); got != want {
			t.Errorf("p99 of 1..%d is %d, want %d", n, got, want)
		}
	}
	if P99(nil) != 0 {
		t.Error("p99 of nothing is not 0")
	}
}

func TestVoidBins(t *testing.T) {
	s := newStory(Crash)
	s.slow(9, 3*hundred, 350*time.Millisecond, 200*time.Millisecond) // the sentinel, bin 3
	s.slow(1, 3*hundred, 5*hundred, 150*time.Millisecond)            // bins 3 and 4: only 4 is judged
	s.fail(0, 3*hundred, 4*hundred, load.Timeout)                    // bin 3: judged for nobody, counted
	res := s.judge(t)
	o := res.Outcomes[0]
	if len(o.Hit) != 0 || o.LateAlone != 1 || o.VoidErrors != 2 {
		t.Errorf("hit %v, %d late alone, %d void errors; want none, 1, 2", o.Hit, o.LateAlone, o.VoidErrors)
	}
	if want := (Void{Bins: 1, Total: 70, Errors: 2}); res.Void != want {
		t.Errorf("void %+v, want %+v", res.Void, want)
	}
	if len(res.Invalid) != 0 {
		t.Errorf("invalid: %v with 1 of 70 bins void", res.Invalid)
	}
	s.fail(9, -hundred, 0, load.Refused) // a failed sentinel in the baseline: 2 of 70 are more than 2 %
	if res = s.judge(t); len(res.Invalid) != 1 || !strings.Contains(res.Invalid[0], "2 of 70 bins") {
		t.Errorf("invalid: %v, want one reason about 2 of 70 bins", res.Invalid)
	}
}

func TestPredictionOfWhatWaits(t *testing.T) {
	for _, tc := range []struct {
		absence   time.Duration
		must, may []int
	}{
		{299 * time.Millisecond, []int{1}, []int{0, 2}},
		{300 * time.Millisecond, []int{0, 1, 2}, []int{}}, // L is 100 ms, and two bins
	} {
		s := newStory(Crash)
		seg := &s.run.Segments[0]
		seg.Predicted, seg.Waiting, seg.Absence = []int{1}, []int{2, 0}, int64(tc.absence)
		s.breaks(1, 0, load.EOF)
		s.slow(2, 0, 3*hundred, 200*time.Millisecond)
		o := s.judge(t).Outcomes[0]
		if d := cmp.Diff([][]int{tc.must, tc.may}, [][]int{o.Predicted, o.May}); d != "" {
			t.Errorf("absence %v: %s", tc.absence, d)
		}
		// Flow 2 was hit and flow 0 was not: both are fine when they may.
		if deviates := len(o.Deviations) > 0; deviates != (len(tc.may) == 0) {
			t.Errorf("absence %v: deviations %v", tc.absence, o.Deviations)
		}
	}
}

func TestDeviationsAreExplained(t *testing.T) {
	s := newStory(Crash)
	s.run.Segments[0].Predicted = []int{0}
	s.breaks(1, 12*ms1, load.Reset)
	s.fail(1, 50*ms1, 3*hundred, load.Refused)
	s.slow(2, hundred, 3*hundred, 430*ms1)
	s.slow(0, 2*hundred, 250*ms1, 43*ms1)
	s.slow(9, 2*hundred, 250*ms1, 87*ms1)
	want := []Deviation{
		{0, true, "client on n1, server on n2: no failure, no broken connection, largest latency 43ms at +0.200 s, L is 100ms"},
		{1, false, "client on n1, server on n2: 1 connection broken (reset) at +0.012 s, 5 refused from +0.051 s to +0.251 s"},
		{2, false, "client on n2, server on n2: 4 late planned from +0.100 s to +0.250 s (largest 430ms); sentinels took up to 87ms meanwhile, 2ms before the fault"},
	}
	if d := cmp.Diff(want, s.judge(t).Outcomes[0].Deviations); d != "" {
		t.Error(d)
	}
}

func TestNoiseAndRows(t *testing.T) {
	s := newStory(Null)
	s.run.Drill = Crash
	s.fail(0, -hundred, 50*ms1-hundred, load.Refused) // an error in the null segment's baseline
	s.slow(2, 0, 2*hundred, 150*ms1)                  // a flow hit by lateness
	s.slow(1, 5*hundred, 6*hundred, 150*ms1)          // a late bin alone
	crash := s.segment(Crash, 20*sec)
	crash.Predicted = []int{0}
	res := s.judge(t)
	if want := (Noise{Nulls: 1, Errors: 1, LateHits: 1, LateAlone: 1}); res.Noise != want {
		t.Errorf("noise %+v, want %+v", res.Noise, want)
	}
	if res.Null == nil || len(res.Null.Outcomes) != 1 || res.Null.Outcomes[0] != 0 {
		t.Errorf("null row %+v, want the first outcome", res.Null)
	}
	if len(res.Rows) != 1 || res.Rows[0].Subject != "shared" || len(res.Rows[0].Outcomes) != 1 || res.Rows[0].Outcomes[0] != 1 {
		t.Errorf("rows %+v, want one with the second outcome", res.Rows)
	}
}

func TestMemoryAndCPU(t *testing.T) {
	s := newStory(Crash)
	seg := &s.run.Segments[0]
	process := func(pid int, pss, private, cpu int64) Process {
		return Process{Name: "cell", PID: pid, PSS: pss, Private: private, CPU: cpu}
	}
	// 2 s of three flows with 20 requests a second: 120 requests. 90 ms of CPU in
	// the two processes that are in both samples: 750 ms per 1,000.
	seg.Usage = []Usage{
		{T: tBase, Processes: []Process{process(1, 5, 3, 100*ms), process(2, 5, 3, 0), process(3, 9, 9, 9*sec)}},
		{T: tBase + 2*sec, Processes: []Process{process(1, 7, 4, 160*ms), process(2, 6, 5, 30*ms), process(4, 1, 1, sec)}},
	}
	got := s.judge(t).Rows[0]
	got.Spreads = nil // TestSpreads
	if want := (Row{Subject: "shared", Outcomes: []int{0}, PSS: 14, Private: 10, CPUPer1k: 750, Measured: true}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	// The same load 4 s later: CPU counts from the first sample to the last, 6 s
	// and 360 requests, the time between the two segments included.
	next := s.segment(Crash, 20*sec)
	next.Start = s.run.Segments[0].Start
	for i := range s.records {
		if s.records[i].Planned >= next.T0 {
			s.records[i].Seq = int((s.records[i].Planned - next.Start) / (50 * ms))
		}
	}
	next.T0, next.TFault = tEnd, tEnd
	s.records = slices.DeleteFunc(s.records, func(r load.Record) bool { return r.Planned >= tEnd && r.Planned < tBase+20*sec })
	next.Usage = []Usage{
		{T: tBase + 5*sec, Processes: []Process{process(1, 1, 1, 170*ms)}},
		{T: tBase + 6*sec, Processes: []Process{process(1, 1, 1, 280*ms)}},
	}
	got = s.judge(t).Rows[0]
	got.Spreads = nil
	// 180 ms of process 1; memory is the lower median of 14 and 1.
	if want := (Row{Subject: "shared", Outcomes: []int{0, 1}, PSS: 1, Private: 1, Sample: 1, CPUPer1k: 500, Measured: true}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestWhatMakesARunInvalid(t *testing.T) {
	for wants, spoil := range map[string]func(*story){
		"aborted":             func(s *story) { s.run.Aborted = "it was interrupted" },
		"3 records were lost": func(s *story) { s.run.Lost = 3 },
		"1 planned requests":  func(s *story) { s.drop(1, hundred) },
		"have no record":      func(s *story) { s.drop(9, -hundred) },
	} {
		s := newStory(Crash)
		spoil(s)
		if why := s.judge(t).Invalid; len(why) != 1 || !strings.Contains(why[0], wants) {
			t.Errorf("invalid %v, want one reason with %q", why, wants)
		}
	}
}

// drop loses the request of a flow that is planned at the fault plus d.
func (s *story) drop(flow int, d time.Duration) {
	r := s.at(flow, d)
	*r = s.records[len(s.records)-1]
	s.records = s.records[:len(s.records)-1]
}

func TestRecordsThatDoNotBelong(t *testing.T) {
	for wants, spoil := range map[string]func(*story){
		"does not have": func(s *story) { s.records[0].Flow = 77 },
		"off the plan":  func(s *story) { s.at(1, hundred).Seq++ },
		"two records":   func(s *story) { s.records = append(s.records, *s.at(1, hundred)) },
	} {
		s := newStory(Crash)
		spoil(s)
		if _, err := Judge(s.run, s.records); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("error %v, want one with %q", err, wants)
		}
	}
}

// busy is a story in which much happens, the same for the same seed.
func busy(seed uint64) *story {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newStory(Null)
	s.run.Drill = Crash
	s.segment(Crash, 20*sec).Predicted = []int{0, 1}
	classes := []string{load.Refused, load.Reset, load.Timeout, load.EOF}
	for i := range s.records {
		r := &s.records[i]
		switch rng.IntN(12) {
		case 0:
			r.Done, r.Error = r.Planned+int64(rng.IntN(int(2*sec))), classes[rng.IntN(4)]
		case 1:
			r.Done = r.Planned + int64(rng.IntN(int(sec/2)))
		}
	}
	for range 5 {
		s.breaks(1, time.Duration(rng.IntN(int(4*sec))), classes[rng.IntN(4)])
	}
	return s
}

// The order in which records arrived is nobody's business.
func TestOrderOfRecordsDoesNotMatter(t *testing.T) {
	for seed := range uint64(20) {
		s := busy(seed)
		want := s.judge(t)
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(s.records), func(i, j int) { s.records[i], s.records[j] = s.records[j], s.records[i] })
		if d := cmp.Diff(want, s.judge(t)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// One more failure never makes a flow less hit, less down or less disturbed.
func TestMoreFailuresNeverLookBetter(t *testing.T) {
	for seed := range uint64(20) {
		s := busy(seed)
		before := s.judge(t).Outcomes[1]
		rng := rand.New(rand.NewPCG(seed, 2))
		for range 10 {
			r := &s.records[rng.IntN(len(s.records))]
			// Not a sentinel's: it would void a bin. Not the baseline's: it would move L.
			if r.Flow == 9 || r.Planned < tFault+20*sec || r.Error != "" {
				continue
			}
			r.Error = load.Reset
			after := s.judge(t).Outcomes[1]
			if len(after.Hit) < len(before.Hit) || len(after.Down) < len(before.Down) ||
				after.ErrorSeconds.New < before.ErrorSeconds.New || after.ErrorSeconds.Reused < before.ErrorSeconds.Reused {
				t.Fatalf("seed %d: before %+v, after %+v", seed, before, after)
			}
			before = after
		}
	}
}

// Hit is exactly: bad bins exist; bystanders, late-only and victims are parts of it.
func TestPartsBelongToTheWhole(t *testing.T) {
	for seed := range uint64(20) {
		for _, o := range busy(seed).judge(t).Outcomes {
			in := map[int]bool{}
			for _, id := range o.Hit {
				in[id] = true
			}
			for _, id := range append(append([]int{}, o.Bystanders...), o.ByLateness...) {
				if !in[id] {
					t.Fatalf("seed %d: flow %d is a part of the hit ones but not hit", seed, id)
				}
			}
			if (len(o.Hit) > 0) != o.Recovery.Needed || (len(o.Bystanders) > 0) != (len(o.Victims) > 0) {
				t.Fatalf("seed %d: %+v", seed, o)
			}
			if len(o.Hit) == 0 && o.ErrorSeconds != (ErrorSeconds{}) {
				t.Fatalf("seed %d: error-seconds without a hit flow", seed)
			}
		}
	}
}

// Denied flows fail as they should: only an answer counts, wherever it comes.
func TestDeniedFlowsAreCountedApart(t *testing.T) {
	run := &Run{
		Schema: Schema, Drill: Crash, Culprit: "t/a", Nodes: []string{"n"},
		Workloads: []Workload{{Name: "t/a", Node: "n"}, {Name: "t/b", Node: "n"}}, Subjects: []Subject{{Name: "s"}},
		Flows:    []Flow{{ID: 0, Kind: load.New, Client: "t/b", Server: "t/a", Target: netip.MustParseAddrPort("10.0.0.1:9000"), Period: int64(Bin), Timeout: int64(time.Second), Denied: true}},
		Segments: []Segment{{Subject: "s", Kind: Crash, T0: int64(time.Second), TFault: int64(2 * time.Second), TEnd: int64(3 * time.Second), Predicted: []int{}, Waiting: []int{}}},
	}
	if err := run.Validate(); err != nil {
		t.Fatal(err)
	}
	var records []load.Record
	for k := 10; k < 30; k++ {
		planned := int64(k) * int64(Bin)
		r := load.Record{Flow: 0, Seq: k, Planned: planned, Sent: planned, Done: planned + int64(time.Millisecond), Error: load.EOF}
		switch k {
		case 12, 25:
			r.Error = ""
		case 26:
			r.Error = load.Wrong
		}
		records = append(records, r)
	}
	res, err := Judge(run, records)
	if err != nil {
		t.Fatal(err)
	}
	o := res.Outcomes[0]
	if o.Denied != (Denials{Tried: 20, Admitted: 3}) {
		t.Errorf("denied %+v, want 3 of 20 admitted", o.Denied)
	}
	if len(o.Hit) != 0 || len(o.Failures) != 0 || o.BaselineErrors != 0 || len(o.Deviations) != 0 || o.Missing != 0 {
		t.Errorf("its failures count: %+v", o)
	}
	// A rollback takes its culprit out of the mesh, and nobody else.
	for culprit, want := range map[string]int{"t/a": 0, "t/b": 20} {
		run.Segments[0].Kind, run.Culprit = "rollback", culprit
		if res, err = Judge(run, records); err != nil || res.Outcomes[0].Denied.Tried != want {
			t.Errorf("rollback of %s: %+v, want %d tried; %v", culprit, res.Outcomes[0].Denied, want, err)
		}
	}
	run.Segments[0].Predicted = []int{0}
	if err := run.Validate(); err == nil {
		t.Error("a prediction about a denied flow passed")
	}
}
