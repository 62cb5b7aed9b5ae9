package measure

import "testing"

func TestCompare(t *testing.T) {
	low := []float64{5, 1, 3, 2, 4}
	high := []float64{13, 11, 15, 12, 14}
	if d := Compare(low, high, 7); d.Median != 10 || d.Low < 6 || d.Up > 14 || d.Low > 10 || d.Up < 10 {
		t.Errorf("%+v, want 10 and around it", d)
	}
	if d := Compare(high, low, 7); d.Median != -10 || d.Up >= 0 {
		t.Errorf("the other way round: %+v", d)
	}
	if d := Compare(low, []float64{2, 3, 1, 5, 4}, 7); d.Median != 0 || d.Low >= 0 || d.Up <= 0 {
		t.Errorf("of equals: %+v", d)
	}
	if d := Compare([]float64{4}, high, 7); d != (Difference{Median: 9}) {
		t.Errorf("of one value: %+v", d)
	}
	if Compare(low, high, 7) != Compare([]float64{1, 2, 3, 4, 5}, high, 7) {
		t.Error("the order of values matters")
	}
}

func TestEnough(t *testing.T) {
	for _, tc := range []struct {
		n, m int
		want bool
	}{{0, 50, false}, {1, 38, false}, {1, 39, true}, {2, 7, false}, {2, 8, true}, {3, 3, false}, {3, 4, false}, {3, 5, true}, {4, 4, true}, {1000, 1000, true}} {
		if got := Enough(tc.n, tc.m); got != tc.want || Enough(tc.m, tc.n) != got {
			t.Errorf("%d against %d: %v", tc.n, tc.m, got)
		}
	}
}
