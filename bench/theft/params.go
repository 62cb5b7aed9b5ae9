package theft

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Name is the drill's name.
const Name = "key-theft"

// DefaultIsolations are those of the usual table.
var DefaultIsolations = []string{lab.Sidecar, lab.PerWorkload, lab.ServiceAccount, lab.Namespace, lab.Shared}

// Params decide what the drill does.
type Params struct {
	Isolations []string // in the order of the table
	Culprit    string   // workload whose cell is stolen
	TimeScale  float64  // multiplies the kubelet's delays
	Version    string
	Privileged bool // the machine's root runs it
	// Progress is told what is being done, one line each; nil: nobody.
	Progress func(line string)
}

// Validate says what is wrong with the parameters for a topology; an error is a
// *lab.Misuse.
func (p Params) Validate(t lab.Topology) error {
	misuse := func(format string, args ...any) error { return &lab.Misuse{Sentence: fmt.Sprintf(format, args...)} }
	var pods []string
	for _, pod := range t.Pods {
		pods = append(pods, pod.Name())
	}
	for i, name := range p.Isolations {
		switch {
		case !slices.Contains(DefaultIsolations, name):
			return misuse("isolation %q has no process to steal: use some of %s", name, strings.Join(DefaultIsolations, ", "))
		case slices.Contains(p.Isolations[:i], name):
			return misuse("isolation %q is given twice", name)
		}
	}
	switch {
	case len(p.Isolations) == 0:
		return misuse("no isolation given")
	case !slices.Contains(pods, p.Culprit):
		return misuse("culprit %q is no pod of the lab: use one of %s", p.Culprit, strings.Join(pods, ", "))
	case !(p.TimeScale >= 0.001 && p.TimeScale <= 1): // also refuses NaN
		return misuse("time scale %v is outside 0.001 to 1", p.TimeScale)
	}
	return nil
}

func (p Params) progress(format string, args ...any) {
	if p.Progress != nil {
		p.Progress(fmt.Sprintf(format, args...))
	}
}

// record is one without subjects.
func (p Params) record(t lab.Topology, id string) (*trust.Record, error) {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has nothing to fail on
	r := &trust.Record{
		Schema: trust.Schema, ID: id, Started: time.Now().UTC().Truncate(time.Second), Version: p.Version, Culprit: p.Culprit,
		Host:     trust.Host{Kernel: unix.ByteSliceToString(u.Release[:]), CPUs: runtime.NumCPU(), Privileged: p.Privileged},
		Subjects: []trust.Subject{},
	}
	for _, pod := range t.Pods {
		id, err := identityOf(t, pod)
		if err != nil {
			return nil, err
		}
		r.Workloads = append(r.Workloads, trust.Workload{Name: pod.Name(), Identity: id.String(), Node: pod.Node})
	}
	for _, e := range t.Edges {
		r.Flows = append(r.Flows, trust.Flow{From: e.From, To: e.To})
	}
	return r, nil
}

func identityOf(t lab.Topology, p lab.Pod) (identity.ID, error) {
	return identity.New(t.TrustDomain, p.Namespace, p.ServiceAccount())
}
