package web

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

func wellFormed(t *testing.T, p Picture) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(p.SVG))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
	}
}

func TestPicturesAreFiles(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Pictures(suite(t)) {
		wellFormed(t, p)
		names[p.Name] = true
	}
	for _, want := range []string{"crash.svg", "crash-sidecar.svg", "crash-shared-as-ztunnel.svg", "hang.svg", "crash-loop-workload.svg"} {
		if !names[want] {
			t.Errorf("no %s in %v", want, names)
		}
	}
	if len(names) != 3*5 {
		t.Errorf("%d files", len(names))
	}
}

// The bad bins that the rows of a picture have are those of the judge: every hit bystander
// is seen, and nobody else.
func TestRowsShowTheVictims(t *testing.T) {
	p := newPicture(read(t, story.Told(1)).Document, "")
	if len(p.bands) != 4 {
		t.Fatalf("%d bands", len(p.bands))
	}
	for _, b := range p.bands {
		victims := map[string]bool{}
		for _, v := range b.outcome.Victims {
			victims[v.Name] = true
		}
		for _, r := range b.rows {
			if r.culprit != (r.name == p.doc.Run.Culprit) {
				t.Errorf("%s: culprit %v", r.name, r.culprit)
			}
			seen := disturbed(&r)
			if want := victims[r.name] || r.culprit; seen != want || r.hit != want || r.must != want {
				t.Errorf("%s, %s: disturbed %v, hit %v, predicted %v, want %v", b.subject, r.name, seen, r.hit, r.must, want)
			}
		}
	}
}

func TestRowsBeginWithTheCulprit(t *testing.T) {
	d := read(t, story.Told(1)).Document
	rows := newPicture(d, "").bands[0].rows
	home := rows[0].node
	if !rows[0].culprit || len(rows) != 12 {
		t.Fatalf("%+v", rows[0])
	}
	left := false
	for _, r := range rows {
		left = left || r.node != home
		if left && r.node == home {
			t.Errorf("%s of the culprit's node is below others", r.name)
		}
	}
}

// Of repeats the median is drawn, and the band says which.
func TestTheTypicalRepeatIsDrawn(t *testing.T) {
	d := read(t, story.Told(3)).Document
	for _, b := range newPicture(d, "").bands {
		if b.repeat != 2 || !strings.Contains(b.sum(), "repeat 2 of 3") {
			t.Errorf("%s: %s", b.subject, b.sum()) // each repeat takes longer than the one before it
		}
		if got := fmt.Sprintf("%.1f error-seconds", b.outcome.ErrorSeconds.New+b.outcome.ErrorSeconds.Reused); !strings.Contains(b.sum(), got) {
			t.Errorf("%s: %s", got, b.sum())
		}
	}
}

// A baseline in which nothing happened is cut, one with an error is not.
func TestACalmBaselineIsCut(t *testing.T) {
	s := story.Told(1)
	if p := newPicture(read(t, s).Document, ""); p.first != -calm {
		t.Errorf("from bin %d", p.first)
	}
	seg := s.Run.Segments[1]
	for i := range s.Records {
		if r := &s.Records[i]; r.Flow == 8 && r.Planned >= seg.T0 && r.Planned < seg.T0+200*story.MS {
			r.Error, r.Peer = "refused", ""
		}
	}
	if p := newPicture(read(t, s).Document, ""); p.first != -30 {
		t.Errorf("from bin %d", p.first)
	}
}

func TestLanesInWords(t *testing.T) {
	l := lane{1, 1, measure.Late, measure.Later, measure.Failed, 1, measure.Alone}
	if got := l.describe(-2); got != "late +0.0 to +0.2 s, failed +0.2 to +0.3 s" {
		t.Error(got)
	}
	many := lane{}
	for range 9 {
		many = append(many, measure.Failed, measure.Served)
	}
	if got := many.describe(0); !strings.HasSuffix(got, ", and 3 more times") {
		t.Error(got)
	}
	if got := (lane{1, 1}).describe(0); got != "undisturbed" {
		t.Error(got)
	}
}

func TestGridRounds(t *testing.T) {
	for _, c := range []struct {
		most float64
		n    int
		want float64
	}{{100, 5, 20}, {128, 5, 50}, {9.9, 4, 5}, {0.7, 4, 0.2}, {0, 4, 1}} {
		if got := step(c.most, c.n); got != c.want {
			t.Errorf("step(%v, %d) = %v, want %v", c.most, c.n, got, c.want)
		}
	}
}
