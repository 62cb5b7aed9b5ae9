package load

import (
	"bufio"
	"io"
	"testing"
	"time"
)

// A reader that does not read costs records, never time.
func TestSlowReaderLosesRecordsOnly(t *testing.T) {
	outR, outW := io.Pipe()
	rec := newRecorder(outW)
	const n = 3 * queueLen
	for i := range n { // would hang here if a record could wait
		rec.record(Record{Flow: 1, Seq: i})
	}
	got := make(chan [2]int64)
	go func() { got <- readCounts(outR) }()
	if err := rec.end(hang); err != nil {
		t.Fatal(err)
	}
	outW.Close()
	c := <-got
	if c[0]+c[1] != n || c[1] == 0 {
		t.Errorf("%d records and %d lost, want %d in all and some lost", c[0], c[1], n)
	}
}

// readCounts counts records and returns the last number of lost ones.
func readCounts(r io.Reader) (c [2]int64) {
	for s := bufio.NewScanner(r); s.Scan(); {
		l, err := ParseLine(s.Bytes())
		if err != nil {
			return [2]int64{-1, -1}
		}
		switch l.Event {
		case "":
			c[0]++
		case EventLost:
			c[1] = l.Lost
		}
	}
	return c
}

func TestRecorderFlushesUnasked(t *testing.T) {
	outR, outW := io.Pipe()
	rec := newRecorder(outW)
	rec.record(Record{Flow: 1, Seq: 2})
	if line, err := bufio.NewReader(outR).ReadString('\n'); err != nil || line != `{"f":1,"n":2,"p":0,"s":0,"d":0}`+"\n" {
		t.Errorf("line %q, error %v", line, err)
	}
	if err := rec.end(hang); err != nil {
		t.Fatal(err)
	}
}

func TestRecorderSaysThatItsOutputFailed(t *testing.T) {
	outR, outW := io.Pipe()
	outR.Close()
	rec := newRecorder(outW)
	rec.record(Record{})
	rec.event(Line{Event: EventReady}, make(chan struct{}))
	if err := rec.end(time.Minute); err != io.ErrClosedPipe {
		t.Errorf("error %v, want %v", err, io.ErrClosedPipe)
	}
}
