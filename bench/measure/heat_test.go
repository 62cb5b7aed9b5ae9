package measure

import (
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

func heatOf(t *testing.T, s *story) Heat {
	t.Helper()
	res := s.judge(t)
	heats, err := Heats(s.run, s.records, res.Late)
	if err != nil {
		t.Fatal(err)
	}
	return heats[0]
}

func TestHeatGradesEachBin(t *testing.T) {
	s := newStory(Crash)
	s.slow(0, 0, 200*time.Millisecond, 150*time.Millisecond)
	s.slow(0, 200*time.Millisecond, 300*time.Millisecond, 400*time.Millisecond)
	s.slow(0, 300*time.Millisecond, 400*time.Millisecond, 1100*time.Millisecond)
	s.slow(0, time.Second, 1100*time.Millisecond, 150*time.Millisecond)
	s.fail(2, 0, 100*time.Millisecond, load.Refused)
	s.breaks(1, 250*time.Millisecond, load.EOF)
	s.slow(9, 2*time.Second, 2100*time.Millisecond, 150*time.Millisecond) // the sentinel
	h := heatOf(t, s)
	if h.First != -30 || len(h.Void) != 70 || h.Flows[3] != nil {
		t.Fatalf("first bin %d, %d bins, sentinel %v", h.First, len(h.Void), h.Flows[3])
	}
	for _, want := range []struct {
		flow, bin int
		grade     Grade
	}{
		{0, -1, Served}, {0, 0, Late}, {0, 1, Late}, {0, 2, Later}, {0, 3, Latest}, {0, 4, Served}, {0, 10, Alone},
		{1, 1, Served}, {1, 2, Failed}, {2, 0, Failed}, {2, 1, Served},
	} {
		if got := h.Flows[want.flow][want.bin-h.First]; got != want.grade {
			t.Errorf("flow %d, bin %d: grade %d, want %d", want.flow, want.bin, got, want.grade)
		}
	}
	for i, v := range h.Void {
		if v != (i+h.First == 20) {
			t.Errorf("bin %d: void %v", i+h.First, v)
		}
	}
}

// The picture and the number beside it are the same thing: 0.1 s for each bad bin.
func TestHeatHasTheErrorSecondsOfTheJudge(t *testing.T) {
	s := newStory(Crash)
	s.slow(0, 0, 500*time.Millisecond, 150*time.Millisecond)
	s.fail(2, 300*time.Millisecond, 900*time.Millisecond, load.Refused)
	s.slow(2, 2*time.Second, 2050*time.Millisecond, 150*time.Millisecond) // alone
	h, seconds := heatOf(t, s), s.judge(t).Outcomes[0].ErrorSeconds
	bad := 0
	for _, flow := range h.Flows {
		for _, g := range flow {
			if g >= Late {
				bad++
			}
		}
	}
	if want := int(10*(seconds.New+seconds.Reused) + 0.5); bad != want || bad == 0 {
		t.Errorf("%d bad bins in the picture, %d in the judgement", bad, want)
	}
}

func TestHeatShowsAnAdmittedConnection(t *testing.T) {
	s := newStory(Null)
	s.run.Flows[2].Denied = true
	for i := range s.records {
		if r := &s.records[i]; r.Flow == 2 {
			r.Error, r.Peer = load.Reset, ""
		}
	}
	admitted := s.at(2, time.Second)
	admitted.Error, admitted.Peer = "", "10.244.1.2"
	h := heatOf(t, s)
	for i, g := range h.Flows[2] {
		want := Served // a denial is as it should be
		if i+h.First == 10 {
			want = Admitted
		}
		if g != want {
			t.Errorf("bin %d: grade %d, want %d", i+h.First, g, want)
		}
	}
}
