package trial

import (
	"errors"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// recorder writes the record. The first error stays: a run with a hole in its record
// has to end.
type recorder struct {
	out  *cost.Writer
	lost int64
	err  error
}

func (r *recorder) write(l cost.Line) error {
	if l.At == 0 {
		l.At = load.Now()
	}
	if r.err == nil {
		r.err = r.out.Write(l)
	}
	return r.err
}

// take writes requests as they come, until the lab's Down closes the channel: what
// nobody reads is lost.
func (r *recorder) take(records <-chan load.Record) <-chan error {
	ended := make(chan error, 1)
	go func() {
		var err error
		for one := range records {
			if e := r.out.Requests.Write(one); err == nil {
				err = e
			}
		}
		ended <- err
	}()
	return ended
}

// end writes the last line and closes.
func (r *recorder) end(why string) error {
	return errors.Join(r.write(cost.Line{End: &cost.End{Why: why, Lost: r.lost}}), r.out.Close())
}
