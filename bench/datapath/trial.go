package datapath

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Sample is one figure of one turn.
type Sample struct {
	Round   int     `json:"round"`
	Row     string  `json:"row"`
	Subject string  `json:"subject"`
	Metric  string  `json:"metric"`
	Value   float64 `json:"value"`
}

// Trial is one run, to be run once.
type Trial struct {
	p    Params
	say  func(line string)
	took func(Sample) error
}

// New makes a trial of complete parameters. say is told what happens, took every figure as
// it comes.
func New(p Params, say func(line string), took func(Sample) error) *Trial {
	return &Trial{p, say, took}
}

// Topology is what the lab must be made of.
func Topology() lab.Topology { return lab.Pair() }

// Run measures everything in a lab that is up.
func (t *Trial) Run(ctx context.Context, l *lab.Lab) (err error) {
	w, err := newWorld(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	began, done, all := time.Now(), 0, t.p.Rounds*len(t.p.Rows)*len(t.p.Subjects)
	for round := range t.p.Rounds {
		for r, name := range t.p.Rows {
			for _, s := range order(t.p.Seed, round, r, len(t.p.Subjects)) {
				label := fmt.Sprintf("round %d of %d, %s, %s", round+1, t.p.Rounds, name, t.p.Subjects[s])
				if err := t.turn(ctx, w, round, name, t.p.Subjects[s], label); err != nil {
					return fmt.Errorf("%s: %w", label, err)
				}
				done++
				if left := time.Duration(float64(time.Since(began)) / float64(done) * float64(all-done)); done%len(t.p.Subjects) == 0 {
					t.say(fmt.Sprintf("%d of %d done, about %v left", done, all, left.Round(time.Second)))
				}
			}
		}
	}
	return nil
}

// turn measures one subject in one row.
func (t *Trial) turn(ctx context.Context, w *world, round int, name, of, label string) error {
	r, err := findRow(name)
	if err != nil {
		return err
	}
	s, err := t.p.subjectOf(of)
	if err != nil {
		return err
	}
	if _, ours := s.(*mesh); ours {
		of += r.suffix
	}
	var failed error
	line := label + ":"
	one := &turn{world: w, row: r, subject: s, lasts: t.p.For, took: func(metric string, value float64) {
		line += fmt.Sprintf("  %s %.4g", metric, value)
		if err := t.took(Sample{round, name, of, metric, value}); failed == nil {
			failed = err
		}
	}}
	if err := one.run(ctx); err != nil {
		return err
	}
	t.say(line)
	return failed
}

// order is that of n subjects in one row of one round.
func order(seed int64, round, row, n int) []int {
	return rand.New(rand.NewPCG(uint64(seed), uint64(round)<<32|uint64(row))).Perm(n)
}
