package spoof

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft/attack"
)

// liar is the executable that takes orders.
const liar = "bulkhead-attack"

// Impostors are two processes that lie.
type Impostors struct {
	victim string
	all    []impostor
}

type impostor struct {
	from    string // for people
	process *lab.Intruder
	program string
}

// Begin starts them.
func Begin(l Lab, culprit string) (*Impostors, error) {
	outsider, application, err := orders(l, culprit)
	if err != nil {
		return nil, err
	}
	i := &Impostors{victim: outsider.Imposture.Victim.Workload}
	for _, who := range []struct {
		from   string
		orders attack.Orders
		start  func(path string) (*lab.Intruder, error)
	}{
		{"from the fabric", outsider, l.Trespass},
		{"from " + culprit, application, func(path string) (*lab.Intruder, error) { return l.Infiltrate(culprit, path) }},
	} {
		program := filepath.Join(l.Dir(), "impostor-"+who.orders.By)
		err := attack.Write(program, l.Bin(liar), who.orders)
		if err == nil {
			var p *lab.Intruder
			if p, err = who.start(program); err == nil {
				i.all = append(i.all, impostor{who.from, p, program})
			}
		}
		if err != nil {
			i.stop()
			return nil, fmt.Errorf("spoof: impostor %s: %w", who.from, errors.Join(err, os.Remove(program)))
		}
	}
	return i, nil
}

// Victim is whom they lie to.
func (i *Impostors) Victim() string { return i.victim }

func (i *Impostors) stop() {
	for _, p := range i.all {
		p.process.Stop()
	}
}

// End ends them and says what they tried.
func (i *Impostors) End() (checks []fault.Check, err error) {
	i.stop()
	for _, p := range i.all {
		tallies, e := p.tallies()
		if e == nil {
			var told []fault.Check
			told, e = judge(p.from, tallies)
			checks = append(checks, told...)
		}
		err = errors.Join(err, e, os.Remove(p.program))
	}
	return checks, err
}

func (p impostor) tallies() ([]attack.Tally, error) {
	log, err := os.Open(p.process.Log())
	if err != nil {
		return nil, fmt.Errorf("spoof: impostor %s: %w", p.from, err)
	}
	defer log.Close()
	attempts, _, err := attack.Read(log, func(attack.Packet) bool { return false })
	if err != nil {
		return nil, fmt.Errorf("spoof: impostor %s: %w", p.from, err)
	}
	return attack.Count(attempts), nil
}

// UnbelievedError is an impostor who told the truth and was not believed.
type UnbelievedError struct {
	From string
	Why  string
}

func (e *UnbelievedError) Error() string {
	return fmt.Sprintf("spoof: the truth, told %s, was not believed, so that refusals prove nothing: %s", e.From, e.Why)
}

// judge makes a check of each kind of lie.
func judge(from string, tallies []attack.Tally) (checks []fault.Check, err error) {
	told := false
	for _, t := range tallies {
		if t.Control {
			told = true
			if t.Succeeded == 0 {
				err = errors.Join(err, &UnbelievedError{From: from, Why: t.Kind + ": " + t.Error})
			}
			continue
		}
		c := fault.Check{Name: t.Kind + ", " + from, Tried: t.Tried, Violated: t.Succeeded}
		if t.Error != "" {
			c.Note = "refused: " + t.Error
		}
		checks = append(checks, c)
	}
	if !told {
		err = &UnbelievedError{From: from, Why: "it was not told"}
	}
	return checks, err
}
