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

// Drill is one drill, to be run once: by Run, or turn by turn between Begin and End.
type Drill struct {
	p    Params
	show Progress
	now  func() int64
	// signal is the system's when nil.
	signal func(pid int, s syscall.Signal) error

	// From Begin to End.
	topology lab.Topology
	dir      string
	run      *measure.Run
	requests *measure.RequestsWriter
	looks    *measure.LooksWriter
	tracker  *tracker
	begun    int // turns

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
	if err := d.Begin(t, dir); err != nil {
		return nil, err
	}
	return d.End(d.turns(ctx, l))
}

// Begin opens the record in dir. Until End it says that the drill was killed.
func (d *Drill) Begin(t lab.Topology, dir string) error {
	if err := d.p.Validate(t); err != nil {
		return err
	}
	d.topology, d.dir, d.tracker = t, dir, newTracker()
	d.run = plan(d.p, t, filepath.Base(dir), time.Now().UTC().Truncate(time.Second))
	d.run.Aborted = unwritten
	if err := measure.WriteRun(dir, d.run); err != nil {
		return err
	}
	d.looks = measure.NewLooksWriter(dir)
	var err error
	d.requests, err = measure.NewRequestsWriter(dir)
	return err
}

// Turn drills one subject once, with all its phases, on a lab of Begin's topology on which
// nothing is placed. When it fails or ctx ends, everything is rolled back; other turns may follow.
func (d *Drill) Turn(ctx context.Context, l Lab, repeat, subject int) error {
	d.begun++
	t := &turn{
		Drill: d, lab: l, subject: d.p.Subjects[subject], repeat: repeat,
		status: Status{Turn: d.begun, Turns: d.p.Repeat * len(d.p.Subjects), Subject: d.p.Subjects[subject].Name},
	}
	lost := l.Lost()
	c := startCollector(l.Records(), d.requests, d.tracker)
	err := t.drill(ctx)
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", t.subject.Name, t.status.Phase, err)
	}
	err = errors.Join(err, c.end())
	d.run.Lost += l.Lost() - lost
	return err
}

// End closes the record; what failed before makes it an aborted one, and is returned, too.
func (d *Drill) End(failed error) (*measure.Run, error) {
	d.run.Aborted = aborted(failed)
	return d.run, errors.Join(failed, d.requests.Close(), d.looks.Close(), measure.WriteRun(d.dir, d.run))
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
func (d *Drill) turns(ctx context.Context, l Lab) error {
	for repeat := range d.p.Repeat {
		for _, k := range Order(d.p.Seed, repeat, len(d.p.Subjects)) {
			if err := d.Turn(ctx, l, repeat, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// Order is the order of n subjects in one repeat.
func Order(seed int64, repeat, n int) []int {
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
