package drill

import (
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// What has arrived when the load has stopped is part of the record, read or not.
func TestCollectorTakesWhatHasArrived(t *testing.T) {
	dir := t.TempDir()
	if err := measure.WriteRun(dir, plan(testParams(usual(t, "none")...), newFakeLab().top, "x", newFakeLab().base.UTC())); err != nil {
		t.Fatal(err)
	}
	w, err := measure.NewRequestsWriter(dir)
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	arrived := make(chan load.Record, n)
	for i := range n {
		arrived <- load.Record{Flow: 0, Seq: i, Planned: 1, Sent: 1, Done: 2}
	}
	if err := startCollector(arrived, w, newTracker()).end(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, records, err := measure.Read(dir); err != nil || len(records) != n {
		t.Errorf("%d records, %v; want %d", len(records), err, n)
	}
}

func TestCollectorEndsWithItsChannel(t *testing.T) {
	w, err := measure.NewRequestsWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan load.Record)
	close(closed)
	if err := startCollector(closed, w, newTracker()).end(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
