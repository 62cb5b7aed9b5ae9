package measure

import "testing"

// turns is a run of n turns of one subject in which a fault makes late of 1000
// bystander requests late.
func turns(n int, late func(repeat int) BystanderLoad) (*Run, []Outcome) {
	run := &Run{Drill: "oom", Seed: 7}
	var all []Outcome
	for r := range n {
		all = append(all,
			Outcome{Subject: "s", Kind: Null, Repeat: r, BystanderLoad: BystanderLoad{Requests: 1000, Late: 2}},
			Outcome{Subject: "s", Kind: "oom", Repeat: r, BystanderLoad: late(r)},
			Outcome{Subject: "other", Kind: "oom", Repeat: r, BystanderLoad: BystanderLoad{Requests: 1, Late: 1, Errors: 1}})
	}
	return run, all
}

func TestPaired(t *testing.T) {
	run, all := turns(10, func(int) BystanderLoad { return BystanderLoad{Requests: 500, Late: 6} })
	p := paired(run, all, "s")
	if p == nil || p.Pairs != 10 || p.Clean != 10 || differ(p.Null, 0.2) || differ(p.Fault, 1.2) || differ(p.Rise, 1) || differ(p.RiseLow, 1) || differ(p.RiseUp, 1) {
		t.Errorf("ten equal pairs: %+v", p)
	}
	// One bad pair of ten: the interval reaches from nothing to far above the mean.
	run, all = turns(10, func(r int) BystanderLoad {
		if r == 4 {
			return BystanderLoad{Requests: 1000, Late: 102, Errors: 3}
		}
		return BystanderLoad{Requests: 1000, Late: 2}
	})
	p = paired(run, all, "s")
	if p.Clean != 9 || differ(p.Rise, 1) || differ(p.RiseLow, 0) || p.RiseUp < 2 || p.RiseUp > 4 {
		t.Errorf("one bad pair: %+v", p)
	}
	if again := paired(run, all, "s"); *again != *p {
		t.Errorf("the same record gives %+v and %+v", p, again)
	}
	run, all = turns(1, func(int) BystanderLoad { return BystanderLoad{} })
	if p := paired(run, all, "s"); p != nil {
		t.Errorf("of one pair: %+v", p)
	}
}

// differ says that a is not b, up to rounding.
func differ(a, b float64) bool { return a-b > 1e-9 || b-a > 1e-9 }

func TestBystanderLoad(t *testing.T) {
	var b BystanderLoad
	b.add(map[int]cell{0: {requests: 4, failed: 1, late: 2}, 1: {requests: 2, breaks: 1}, 2: {requests: 9, failed: 9}}, map[int]bool{2: true})
	if want := (BystanderLoad{Requests: 6, Late: 3, Errors: 2}); b != want {
		t.Errorf("%+v, want %+v: void bins count for nobody", b, want)
	}
}
