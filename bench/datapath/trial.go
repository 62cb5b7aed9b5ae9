package datapath

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Trial is one run, to be run once.
type Trial struct {
	p    Params
	say  func(line string)
	took func(verdict.Sample) error
	// Failed says of each turn that failed which it was, and why.
	Failed []string
}

// New makes a trial of complete parameters. say is told what happens, took every figure as
// it comes.
func New(p Params, say func(line string), took func(verdict.Sample) error) *Trial {
	return &Trial{p: p, say: say, took: took}
}

// Topology is what the lab must be made of.
func (p Params) Topology() (lab.Topology, error) {
	pairs := 1
	for _, name := range p.Rows {
		if r, err := findRow(name); err == nil {
			pairs = max(pairs, r.pairs)
		}
	}
	return lab.Pairs(pairs)
}

// mostFailed ends a run of which nothing would be left.
const mostFailed = 20

// Run measures everything in a lab that is up. A turn that fails is left out and the run
// goes on; in the end that is an error, too.
func (t *Trial) Run(ctx context.Context, l *lab.Lab) (err error) {
	w, err := newWorld(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	all, began := t.p.turns(), time.Now()
	for i, one := range all {
		if err := t.turn(ctx, w, one); err != nil {
			err = fmt.Errorf("round %d, %s, %s: %w", one.round+1, one.row.name, one.subject, err)
			t.Failed = append(t.Failed, err.Error())
			if ctx.Err() != nil || len(t.Failed) == mostFailed {
				return err
			}
			t.say("failed: " + err.Error())
		}
		if done := i + 1; done == len(all) || all[done].row.name != one.row.name || all[done].round != one.round {
			left := time.Duration(float64(time.Since(began)) / float64(done) * float64(len(all)-done))
			t.say(fmt.Sprintf("%d of %d turns done, about %v left", done, len(all), left.Round(time.Second)))
		}
	}
	if err := t.profiles(ctx, w); err != nil {
		return err
	}
	if n := len(t.Failed); n > 0 {
		return fmt.Errorf("%d of %d turns failed; the first: %s", n, len(all), t.Failed[0])
	}
	return nil
}

// turn measures one subject in one row.
func (t *Trial) turn(ctx context.Context, w *world, one planned) error {
	s, err := t.p.subjectOf(one.subject)
	if err != nil {
		return err
	}
	var failed error
	line := fmt.Sprintf("round %d of %d, %s, %s:", one.round+1, t.p.Rounds, one.row.name, one.subject)
	took := func(metric string, value float64) {
		line += fmt.Sprintf("  %s %.4g", metric, value)
		err := t.took(verdict.Sample{Round: one.round, Row: one.row.name, Subject: one.subject, Metric: metric, Value: value})
		if failed == nil {
			failed = err
		}
	}
	if err := (&turn{world: w, row: one.row, subject: s, lasts: t.p.For, took: took}).run(ctx); err != nil {
		return err
	}
	t.say(line)
	return failed
}
