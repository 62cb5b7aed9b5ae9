package trial

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Params is everything that decides what a run does.
type Params struct {
	Sizes      []int    // pods on the node under test
	Isolations []string // in the order of the table; none is among them in any case
	Repeat     int      // rounds
	Seed       int64    // of the order and of the flows' offsets
	Version    string
	Privileged bool // the machine's root runs it
	Times      Times
}

// Times are the lengths of a turn's phases and the pace of its loads.
type Times struct {
	Settle time.Duration // before the node counts as idle; Go looks for garbage every two minutes
	Idle   time.Duration // the look at it
	Push   time.Duration // from the change of a workload; watchers look every second
	Warm   time.Duration // of load before it counts
	Load   time.Duration // that counts
	New    time.Duration // between requests of a flow of new connections
	Reused time.Duration // and of a long-lived one
	Held   time.Duration // and of one that every pod holds while processes are replaced
	Starts int           // of a pod, of each kind
}

// DefaultTimes make a turn of 15 s with 10 pods and of 50 s with 110.
func DefaultTimes() Times {
	return Times{
		Settle: 2 * time.Second, Idle: 3 * time.Second, Push: 2200 * time.Millisecond, Warm: time.Second, Load: 5 * time.Second,
		New: 50 * time.Millisecond, Reused: 25 * time.Millisecond, Held: 500 * time.Millisecond, Starts: 3,
	}
}

const (
	timeout   = 5 * time.Second // of a request
	maxRepeat = 100
)

// Complete is p with none among the isolations: first, unless it has a place already.
func (p Params) Complete() Params {
	if !slices.Contains(p.Isolations, lab.None) {
		p.Isolations = slices.Concat([]string{lab.None}, p.Isolations)
	}
	return p
}

// Validate says what is wrong with the parameters; an error is a *lab.Misuse.
func (p Params) Validate() error {
	misuse := func(format string, args ...any) error { return &lab.Misuse{Sentence: fmt.Sprintf(format, args...)} }
	switch {
	case len(p.Sizes) == 0:
		return misuse("no number of pods given: use for example --pods 10,50,110")
	case len(p.Isolations) == 0:
		return misuse("no isolation given: use some of %s", strings.Join(lab.Isolations, ", "))
	case p.Repeat < 1 || p.Repeat > maxRepeat:
		return misuse("--repeat %d is outside 1 to %d", p.Repeat, maxRepeat)
	case p.Times.Load < time.Second || p.Times.Load > time.Hour:
		return misuse("--load %v is outside 1s to 1h", p.Times.Load)
	case p.Times.Settle < 0 || p.Times.Settle > time.Hour:
		return misuse("--settle %v is outside 0 to 1h", p.Times.Settle)
	}
	for i, pods := range p.Sizes {
		if slices.Contains(p.Sizes[:i], pods) {
			return misuse("%d pods are given twice", pods)
		}
		if _, err := lab.Dense(pods); err != nil {
			return err
		}
	}
	for i, isolation := range p.Isolations {
		if slices.Contains(p.Isolations[:i], isolation) {
			return misuse("isolation %q is given twice", isolation)
		}
		if _, err := subject(isolation); err != nil {
			return err
		}
	}
	return nil
}

// subject is the usual one of an isolation: with all defences.
func subject(isolation string) (lab.Subject, error) { return lab.SubjectOf(isolation, lab.Kubelet(1)) }

// order is the order of n isolations in one round.
func order(seed int64, pods, round, n int) []int {
	return rand.New(rand.NewPCG(uint64(seed), uint64(pods)<<32|uint64(round))).Perm(n)
}

// kinds is what cost.Size says of flows.
func kinds(flows []lab.Flow) (all []string) {
	for _, f := range flows {
		all = append(all, f.Kind)
	}
	return all
}

// peer is who is asked, and who asks, when one request is enough.
const peer = "peer/a"
