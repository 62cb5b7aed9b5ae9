package admin

import (
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

func TestSurvival(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	own, other := idByName(t, "spiffe://td/ns/a/sa/own"), idByName(t, "spiffe://td/ns/a/sa/other")
	type held = map[identity.ID]time.Time
	for name, test := range map[string]struct {
		held    held
		id      string
		seconds float64
	}{
		"one":             {held{own: now.Add(time.Minute)}, own.String(), 60},
		"the first":       {held{own: now.Add(time.Minute), other: now.Add(time.Hour)}, own.String(), 60},
		"ended":           {held{own: now.Add(time.Minute), other: now.Add(-time.Second)}, other.String(), -1},
		"at the same end": {held{own: now, other: now}, other.String(), 0},
	} {
		if s := SurvivalOf(test.held, now); s == nil || s.Identity != test.id || s.Seconds != test.seconds || !s.Until.Equal(test.held[idByName(t, test.id)]) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := SurvivalOf(nil, now); s != nil {
		t.Errorf("without SVIDs: %+v", s)
	}
}

func idByName(t *testing.T, name string) identity.ID {
	id, err := identity.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
