package theft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// thief is the name of the attack's executable.
const thief = "bulkhead-attack"

// unwritten is what the record says until the drill ends: it is found when the process
// was killed.
const unwritten = "it was killed before it could write its record"

// Run steals the culprit's process in every isolation and leaves a record in dir, also
// when it fails or ctx ends: then that says where it was aborted. Nothing of it is left
// in the lab.
func Run(ctx context.Context, l *lab.Lab, p Params, dir string) (*trust.Record, error) {
	if err := p.Validate(l.Topology()); err != nil {
		return nil, err
	}
	if _, err := os.Stat(l.Bin(thief)); err != nil {
		return nil, &lab.Misuse{Sentence: fmt.Sprintf("%s is missing beside this executable: run make build", thief)}
	}
	r, err := p.record(l.Topology(), filepath.Base(dir))
	if err != nil {
		return nil, err
	}
	r.Aborted = unwritten
	if err := r.Write(dir); err != nil {
		return nil, err
	}
	r.Aborted = ""
	for _, isolation := range p.Isolations {
		if err = drill(ctx, l, p, r, isolation); err != nil {
			err = fmt.Errorf("%s: %w", isolation, err)
			r.Aborted = err.Error()
			break
		}
	}
	if errors.Is(err, context.Canceled) {
		r.Aborted = "it was interrupted"
	}
	return r, errors.Join(err, r.Write(dir))
}

// rollback is for undoing one subject.
const rollback = time.Minute

func drill(ctx context.Context, l *lab.Lab, p Params, r *trust.Record, isolation string) (err error) {
	subject, err := lab.SubjectOf(isolation, lab.Kubelet(p.TimeScale))
	if err != nil {
		return err
	}
	p.progress("%s: placing", isolation)
	if err := l.Place(ctx, subject); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollback)
		defer cancel()
		err = errors.Join(err, l.Displace(ctx))
	}()
	if err := speak(ctx, l); err != nil {
		return err
	}
	s, err := look(ctx, l, p, r, subject.Name, isolation)
	if err == nil {
		err = infiltrate(ctx, l, p, r, &s)
	}
	if err == nil {
		err = steal(ctx, l, p, r, &s)
	}
	if s.Processes != nil { // what there is stays, also of a theft that failed
		r.Subjects = append(r.Subjects, s)
	}
	return err
}

// settleTimeout is how long a data plane may take until all that may speak does.
const settleTimeout = 30 * time.Second

// speak has every edge of the graph carry a request, so that keys were used.
func speak(ctx context.Context, l *lab.Lab) error {
	return eventually(ctx, settleTimeout, func(ctx context.Context) error { return ask(ctx, l, func(lab.Edge) bool { return true }) })
}

// askTimeout is for one request.
const askTimeout = 5 * time.Second

// ask sends a request on every edge that is wanted.
func ask(ctx context.Context, l *lab.Lab, wanted func(lab.Edge) bool) error {
	for _, e := range l.Topology().Edges {
		if !wanted(e) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		err := l.Ask(ctx, e.From, e.To)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// eventually tries something until it succeeds, at most for so long; then it returns why
// it did not.
func eventually(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollInterval):
		}
	}
}
