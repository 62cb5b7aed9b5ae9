package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Drill is one drill, to be run once.
type Drill struct {
	p    Params
	show Progress
	now  func() int64
	// signal is the system's when nil.
	signal func(pid int, s syscall.Signal) error

	mu     sync.Mutex
	events []measure.Event // what the lab told; guarded by mu
}

// New makes a drill; show may be nil.
func New(p Params, show Progress) *Drill {
	if show == nil {
		show = func(Status) {}
	}
	return &Drill{p: p, show: show, now: load.Now}
}

// Saw takes an event of the lab. It may be called from any goroutine and does not
// block.
func (d *Drill) Saw(e lab.Event) {
	note := e.Name
	if e.Note != "" {
		note += ": " + e.Note
	}
	d.saw(measure.Event{T: e.At, Name: e.Kind, Note: note})
}

func (d *Drill) saw(e measure.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// unwritten is what run.json says until the drill ends: it is found when the
// process was killed.
const unwritten = "it was killed before it could write its record"

// Run drills every subject on l and leaves a record in dir, which exists and is
// empty. When ctx ends or something fails, everything is rolled back, and the
// record says that and where it was aborted.
func (d *Drill) Run(ctx context.Context, l Lab, t lab.Topology, dir string) (*measure.Run, error) {
	if err := d.p.Validate(t); err != nil {
		return nil, err
	}
	run := plan(d.p, t, filepath.Base(dir), time.Now().UTC().Truncate(time.Second))
	run.Aborted = unwritten
	if err := measure.WriteRun(dir, run); err != nil {
		return nil, err
	}
	w, err := measure.NewRequestsWriter(dir)
	if err != nil {
		return nil, err
	}
	tr := newTracker()
	c := startCollector(l.Records(), w, tr)
	err = d.turns(ctx, l, t, run, tr)
	run.Aborted = aborted(err)
	err = errors.Join(err, c.end(), w.Close())
	run.Lost = l.Lost()
	return run, errors.Join(err, measure.WriteRun(dir, run))
}

func aborted(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "it was interrupted"
	}
	return err.Error()
}

// turns drills the subjects in the seed's order, anew for each repeat.
func (d *Drill) turns(ctx context.Context, l Lab, t lab.Topology, run *measure.Run, tr *tracker) error {
	n := len(d.p.Subjects)
	for repeat := range d.p.Repeat {
		for i, k := range order(d.p.Seed, repeat, n) {
			turn := &turn{
				Drill: d, lab: l, topology: t, run: run, tracker: tr,
				subject: d.p.Subjects[k], repeat: repeat,
				status: Status{Turn: repeat*n + i + 1, Turns: d.p.Repeat * n, Subject: d.p.Subjects[k].Name},
			}
			if err := turn.drill(ctx); err != nil {
				return fmt.Errorf("%s: %s: %w", turn.subject.Name, turn.status.Phase, err)
			}
		}
	}
	return nil
}

// order is the order of n subjects in one repeat.
func order(seed int64, repeat, n int) []int {
	return rand.New(rand.NewPCG(uint64(seed), uint64(repeat)+1)).Perm(n)
}

// takeEvents returns what the lab told since the last call.
func (d *Drill) takeEvents() []measure.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.events
	d.events = nil
	return events
}
