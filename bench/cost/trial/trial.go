package trial

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Trial is one run, to be run once.
type Trial struct {
	p   Params
	say func(line string)
	rec *recorder
}

// New makes a trial; say is told what happens and may be nil.
func New(p Params, say func(line string)) *Trial {
	if say == nil {
		say = func(string) {}
	}
	return &Trial{p: p.Complete(), say: say}
}

// Open makes a lab of a topology that is not up yet.
type Open func(lab.Topology) (*lab.Lab, error)

// Run measures everything, one lab per size, and leaves the record in dir. When ctx
// ends everything is rolled back, and the record says so.
func (t *Trial) Run(ctx context.Context, open Open, dir string) error {
	if err := t.p.Validate(); err != nil {
		return err
	}
	out, err := cost.NewWriter(dir)
	if err != nil {
		return err
	}
	t.rec = &recorder{out: out}
	err = t.rec.write(cost.Line{Run: t.describe(filepath.Base(dir))})
	for _, pods := range t.p.Sizes {
		if err == nil {
			err = t.size(ctx, open, pods)
		}
	}
	why := ""
	switch {
	case ctx.Err() != nil:
		why = "it was interrupted"
	case err != nil:
		why = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return errors.Join(err, t.rec.end(why))
}

// size measures one number of pods, in a lab of its own.
func (t *Trial) size(ctx context.Context, open Open, pods int) error {
	topology, err := lab.Dense(pods)
	if err != nil {
		return err
	}
	l, err := open(topology)
	if err != nil {
		return err
	}
	requests := t.rec.take(l.Records())
	if err = l.Up(ctx); err == nil {
		err = t.rounds(ctx, l, pods)
	}
	t.rec.lost += l.Lost()
	return errors.Join(err, l.Down(), <-requests)
}

func (t *Trial) rounds(ctx context.Context, l *lab.Lab, pods int) error {
	flows := newPlan(t.p, l.Topology())
	if err := t.rec.write(cost.Line{Size: &cost.Size{Pods: pods, Flows: kinds(flows.all)}}); err != nil {
		return err
	}
	for round := range t.p.Repeat {
		for _, k := range order(t.p.Seed, pods, round, len(t.p.Isolations)) {
			one := &turn{Trial: t, lab: l, flows: flows, round: round, isolation: t.p.Isolations[k]}
			label := fmt.Sprintf("%d pods, round %d of %d, %s", pods, round+1, t.p.Repeat, one.isolation)
			one.tell = func(what string) { t.say(label + ": " + what) }
			began := time.Now()
			if err := one.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", label, err)
			}
			one.tell(fmt.Sprintf("done in %.0f s", time.Since(began).Seconds()))
		}
	}
	return nil
}
