package drill

import (
	"context"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

// lookEvery is how often an operator's tool asks the admin sockets during a segment.
const lookEvery = time.Second

// operator watches one segment from the admin sockets alone, as `bulkhead triage --watch`
// does. It looks once when the baseline is over, and then until the segment ends: what
// looking costs is in nobody's baseline.
type operator struct {
	stop  context.CancelFunc
	ended chan error
}

// watchOver has the first look when it returns.
func (t *turn) watchOver(ctx context.Context) (*operator, error) {
	sockets := t.lab.AdminSockets()
	if len(sockets) == 0 {
		return nil, nil
	}
	w := triage.NewWatch(sockets...)
	if err := t.look(ctx, w); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	o := &operator{stop, make(chan error, 1)}
	go func() { o.ended <- t.lookOn(ctx, w) }()
	return o, nil
}

// end waits for the look that is under way.
func (o *operator) end() error {
	if o == nil {
		return nil
	}
	o.stop()
	return <-o.ended
}

func (t *turn) lookOn(ctx context.Context, w *triage.Watch) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := t.look(ctx, w); err != nil {
			return err
		}
	}
}

// look asks, diagnoses and writes down. A look that the segment's end cut short says that
// nobody answered, and is none.
func (t *turn) look(ctx context.Context, w *triage.Watch) error {
	asked := t.now()
	findings := w.Look(ctx)
	if ctx.Err() != nil {
		return nil
	}
	window := w.Window()
	at := t.now()
	return t.looks.Write(measure.Look{T: at, Took: at - asked, Findings: findings, Observation: &window[len(window)-1]})
}
