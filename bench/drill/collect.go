package drill

import (
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// collector is the one goroutine that reads the lab's records, from the beginning
// of a run to its end: records that nobody reads are lost.
type collector struct {
	stop  chan struct{}
	ended chan error
}

// startCollector writes every record to w and shows it to t.
func startCollector(records <-chan load.Record, w *measure.RequestsWriter, t *tracker) *collector {
	c := &collector{stop: make(chan struct{}), ended: make(chan error, 1)}
	go c.collect(records, w, t)
	return c
}

// end takes what has arrived and waits for the goroutine. The load must have been
// stopped, so that nothing arrives any more.
func (c *collector) end() error {
	close(c.stop)
	return <-c.ended
}

func (c *collector) collect(records <-chan load.Record, w *measure.RequestsWriter, t *tracker) {
	var failed error
	take := func(r load.Record) {
		t.add(r)
		if err := w.Write(r); err != nil && failed == nil {
			failed = err
		}
	}
	defer func() { c.ended <- failed }()
	for {
		select {
		case r, ok := <-records:
			if !ok {
				return
			}
			take(r)
		case <-c.stop:
			c.rest(records, take)
			return
		}
	}
}

// rest takes what is in the channel already.
func (c *collector) rest(records <-chan load.Record, take func(load.Record)) {
	for {
		select {
		case r, ok := <-records:
			if !ok {
				return
			}
			take(r)
		default:
			return
		}
	}
}
