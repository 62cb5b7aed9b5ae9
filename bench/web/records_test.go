package web

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, s *story.Story) Drill {
	t.Helper()
	dir, err := s.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return Drill{Document: doc}
}

func pageOf(t *testing.T, r Records) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Page(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// called is a story under another name.
func called(s *story.Story, name string) *story.Story {
	for i := range s.Run.Segments {
		if s.Run.Segments[i].Kind == s.Run.Drill {
			s.Run.Segments[i].Kind = name
		}
	}
	s.Run.Drill = name
	return s
}

// spoiled has one of everything that must never be, a void bin and a skipped subject.
func spoiled() *story.Story {
	s := called(story.Told(2), "crash-loop")
	s.Run.Lost = 1
	s.Run.Segments[3].Checks = []measure.Check{{Name: "plaintext", Tried: 40, Violated: 2}}
	for i := range s.Run.Segments {
		if seg := &s.Run.Segments[i]; seg.Subject == "shared (as ztunnel)" && seg.Kind == "crash-loop" {
			seg.Skipped, seg.Predicted = "no cgroups without root", []int{}
		}
	}
	s.Run.Flows[2].Denied = true
	null := s.Run.Segments[1]
	for i := range s.Records {
		if r := &s.Records[i]; r.Flow == 28 && r.Planned >= null.TFault+story.Sec && r.Planned < null.TFault+story.Sec+200*story.MS {
			r.Done = r.Planned + 130*story.MS
		}
	}
	return s
}

// several are the records of suite, which takes its time to write them.
var several Records

// suite is several records.
func suite(t *testing.T) Records {
	t.Helper()
	if several.Drills != nil {
		return several
	}
	several = Records{Drills: []Drill{read(t, story.Told(3)), read(t, called(story.Told(1), "hang")), read(t, spoiled())}, Caveats: []string{"a caveat of the suite"}}
	return several
}

// I8: the same record gives the same bytes, in whatever order its lines are.
func TestPageIsAFunctionOfTheRecord(t *testing.T) {
	s := spoiled()
	one := Records{Drills: []Drill{read(t, s)}}
	want, pictures, text := pageOf(t, one), Pictures(one), Markdown(one)
	rand.New(rand.NewPCG(1, 0)).Shuffle(len(s.Records), func(i, j int) { s.Records[i], s.Records[j] = s.Records[j], s.Records[i] })
	two := Records{Drills: []Drill{read(t, s)}}
	if !bytes.Equal(pageOf(t, two), want) || Markdown(two) != text {
		t.Error("another page or another text of the same record")
	}
	for i, p := range Pictures(two) {
		if p != pictures[i] {
			t.Errorf("another %s of the same record", p.Name)
		}
	}
}
