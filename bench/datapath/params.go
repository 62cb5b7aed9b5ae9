package datapath

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// Params is everything that decides what a run does.
type Params struct {
	Rounds    int
	Rows      []string // none: all but those on request
	Subjects  []string // none: all
	All       bool     // no subject was named
	Builds    []Build
	Ztunnel   string // its executable; empty: there is none
	Isolation string
	Seed      int64
	For       time.Duration // of each measurement
	Quick     bool          // a few rows, three short rounds
	Profiles  string        // directory for profiles of ours; empty: none
	Version   string
	Missing   []string // what Complete left out, and what would bring it
}

const (
	// Rounds of a run that says nothing: with nine, the interval of a median that leaves
	// out the two lowest and the two highest ratios holds in 96 of 100 runs.
	Rounds    = 9
	maxRounds = 1000

	// Of a first look, which has no verdicts.
	quickRounds = 3
	quickFor    = 500 * time.Millisecond
)

// Complete fills in what was left out.
func (p Params) Complete() Params {
	if p.Quick {
		p.Rounds, p.For = quickRounds, min(p.For, quickFor)
	}
	if len(p.Rows) == 0 {
		for _, r := range rows {
			if !r.onRequest && (r.quick || !p.Quick) {
				p.Rows = append(p.Rows, r.name)
			}
		}
	}
	if p.All = len(p.Subjects) == 0; p.All {
		p.Subjects, p.Missing = p.present(p.subjectNames())
	}
	return p
}

// present are the subjects of which this machine has the programs. Of the others it says
// what would bring them.
func (p Params) present(names []string) (here, missing []string) {
	for _, name := range names {
		if err := p.lacks(name); err != nil {
			missing = append(missing, err.Error())
			continue
		}
		here = append(here, name)
	}
	return here, missing
}

// lacks is a *peers.NotInstalledError for a peer that is not there.
func (p Params) lacks(name string) error {
	one, ok := p.peer(name)
	if !ok {
		return nil
	}
	dir, err := os.MkdirTemp("", "bulkhead-peer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	near, between := ports(one)
	side := peers.Side{Listen: netip.AddrPortFrom(loopback, near), Next: netip.AddrPortFrom(loopback, between)}
	var missing *peers.NotInstalledError
	if _, err := one.Client(dir, side); errors.As(err, &missing) {
		return err
	}
	return nil // what else is wrong, its first turn says
}

// Validate says what is wrong with complete parameters; an error is a *lab.Misuse.
func (p Params) Validate() error {
	misuse := func(format string, args ...any) error { return &lab.Misuse{Sentence: fmt.Sprintf(format, args...)} }
	switch {
	case p.Rounds < 1 || p.Rounds > maxRounds:
		return misuse("--rounds %d is outside 1 to %d", p.Rounds, maxRounds)
	case p.For < 100*time.Millisecond || p.For > time.Hour:
		return misuse("--for %v is outside 100ms to 1h", p.For)
	}
	s, err := lab.SubjectOf(p.Isolation, lab.Kubelet(1))
	if err != nil {
		return err
	}
	if !s.OnNode() {
		return misuse("--isolation %s: the load needs limits that only a node's file has: use one of those that live on a node", p.Isolation)
	}
	return p.validateNames(misuse)
}

func (p Params) validateNames(misuse func(format string, args ...any) error) error {
	for _, b := range p.Builds {
		if _, peer := p.peer(b.Name); peer || b.Name == verdict.Bulkhead || b.Name == verdict.BulkheadPoolOff || b.Name == verdict.BulkheadQUIC {
			return misuse("--bin %s: a subject has that name already", b.Name)
		}
		for _, program := range []string{"bulkhead-node", "bulkhead-cell"} {
			if _, err := os.Stat(filepath.Join(b.Dir, program)); err != nil {
				return misuse("--bin %s: %s has no %s: build it there with make build", b.Name, b.Dir, program)
			}
		}
	}
	for i, name := range p.Rows {
		if _, err := findRow(name); err != nil {
			return misuse("--row: %v", err)
		}
		if slices.Contains(p.Rows[:i], name) {
			return misuse("--row: %s is given twice", name)
		}
	}
	for i, name := range p.Subjects {
		if _, err := p.subjectOf(name); err != nil {
			return misuse("--subject: %v", err)
		}
		if err := p.lacks(name); err != nil {
			return err
		}
		if slices.Contains(p.Subjects[:i], name) {
			return misuse("--subject: %s is given twice", name)
		}
	}
	if len(p.turns()) == 0 {
		return misuse("--subject %s is measured only with --row %s", verdict.BulkheadPoolOff, verdict.New)
	}
	return nil
}
