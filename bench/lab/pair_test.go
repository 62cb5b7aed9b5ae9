package lab

import "testing"

func TestPairIsATopology(t *testing.T) {
	if err := Pair().Validate(); err != nil {
		t.Error(err)
	}
}
