package theft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft/attack"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

const (
	attackTimeout = 2 * time.Minute  // from the cell's death until the thief has tried everything
	returnTimeout = 30 * time.Second // until the true cell serves again
	pollInterval  = 100 * time.Millisecond
)

// A heist is a thief that is ready to start, and who watches what arrives from it.
type heist struct {
	program  string // the thief with its orders
	observer *lab.Observer
}

// plot writes the thief, for the way in that is named.
func plot(l *lab.Lab, r *trust.Record, s *trust.Subject, by, name string) (*heist, error) {
	o, err := orders(l, r, s, by)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(l.Dir(), name+"-"+s.Isolation)
	if err := attack.Write(program, l.Bin(thief), o); err != nil {
		return nil, err
	}
	observer, err := l.Observe(observerOf(l.Topology(), r.Culprit).Name())
	if err != nil {
		return nil, err
	}
	return &heist{program, observer}, nil
}

// saw says whether a packet of the thief's has arrived.
func (h *heist) saw(p attack.Packet) bool { return h.observer.Saw(p.Source, p.Port) }

// steal puts the thief in the culprit's cell's place, notes what it tried, and puts the
// true cell back.
func steal(ctx context.Context, l *lab.Lab, p Params, r *trust.Record, s *trust.Subject) (err error) {
	h, err := plot(l, r, s, trust.ByCell, "attack")
	if err != nil {
		return err
	}
	defer h.observer.Close()
	log, err := tail(l, r.Culprit)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := l.Swap(r.Culprit, h.program); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, giveBack(context.WithoutCancel(ctx), l, r.Culprit, s)) }()
	if killed, err := kill(l, r.Culprit); err != nil || killed == 0 {
		return errors.Join(err, fmt.Errorf("%d processes that serve %s were killed", killed, r.Culprit))
	}
	return follow(ctx, p, s, log, h.saw)
}

// infiltrate has the thief be the application of the culprit's pod, beside its proxy.
func infiltrate(ctx context.Context, l *lab.Lab, p Params, r *trust.Record, s *trust.Subject) error {
	h, err := plot(l, r, s, trust.ByApplication, "intruder")
	if err != nil {
		return err
	}
	defer h.observer.Close()
	intruder, err := l.Infiltrate(r.Culprit, h.program)
	if err != nil {
		return err
	}
	defer intruder.Stop()
	log, err := os.Open(intruder.Log())
	if err != nil {
		return err
	}
	defer log.Close()
	return follow(ctx, p, s, log, h.saw)
}

// tail is the log of what serves a pod, from here on.
func tail(l *lab.Lab, pod string) (*os.File, error) {
	path, err := l.LogOf(pod)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// kill ends what serves a pod now.
func kill(l *lab.Lab, pod string) (killed int, err error) {
	procs, err := l.DataPlane(pod)
	if err != nil {
		return 0, err
	}
	for _, p := range procs {
		switch err := unix.Kill(p.PID, unix.SIGKILL); err {
		case nil:
			killed++
		case unix.ESRCH: // it has just ended
		default:
			return killed, fmt.Errorf("killing %s: %w", p.Name, err)
		}
	}
	return killed, nil
}

// follow reads the log until the thief is done.
func follow(ctx context.Context, p Params, s *trust.Subject, log *os.File, saw func(attack.Packet) bool) error {
	from, err := log.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, attackTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	said := 0
	for {
		attempts, done, err := attack.Read(io.NewSectionReader(log, from, 1<<40), saw)
		if err != nil {
			return err
		}
		if done != nil {
			s.Attempts = append(s.Attempts, attempts...)
			p.progress("%s: the thief is done: %d attempts", s.Name, len(attempts))
			if done.Error != "" {
				return fmt.Errorf("the thief gave up: %s", done.Error)
			}
			return nil
		}
		if len(attempts) >= said+100 {
			said = len(attempts)
			p.progress("%s: the thief has tried %d things", s.Name, said)
		}
		select {
		case <-ctx.Done():
			s.Attempts = append(s.Attempts, attempts...)
			return fmt.Errorf("the thief is not done after %d attempts: %w", len(attempts), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// giveBack ends the thief and waits until the culprit is served by a true cell again.
func giveBack(ctx context.Context, l *lab.Lab, culprit string, s *trust.Subject) error {
	if err := l.Swap(culprit, ""); err != nil {
		return err
	}
	if _, err := kill(l, culprit); err != nil { // the thief; where the keeper has killed it, none
		return err
	}
	began := time.Now()
	err := eventually(ctx, returnTimeout, func(ctx context.Context) error {
		return ask(ctx, l, func(e lab.Edge) bool { return e.From == culprit || e.To == culprit })
	})
	s.Returned = time.Since(began)
	if err != nil {
		s.Returned, s.Damaged = 0, err.Error() // the drill goes on with the next subject
	}
	return nil
}
