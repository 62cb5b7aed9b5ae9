package lab

import (
	"errors"
	"testing"
)

func TestPairs(t *testing.T) {
	for _, n := range []int{1, 4, MostDense} {
		p, err := Pairs(n)
		if err != nil {
			t.Fatalf("%d pairs: %v", n, err)
		}
		for i, e := range p.Edges {
			if e.From != PairClient(i) || e.To != PairServer(i) {
				t.Errorf("edge %d is %s -> %s", i, e.From, e.To)
			}
		}
		if len(p.Pods) != 2*n || len(meshOf(p).PeerAuthentications) != n {
			t.Errorf("%d pods and %d peer authentications for %d pairs", len(p.Pods), len(meshOf(p).PeerAuthentications), n)
		}
	}
	var misuse *Misuse
	for _, n := range []int{-1, 0, MostDense + 1} {
		if _, err := Pairs(n); !errors.As(err, &misuse) {
			t.Errorf("%d pairs: %v, want a *Misuse", n, err)
		}
	}
}
