package lab

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
)

// Status is what a lab is at one moment.
type Status struct {
	Subject   string      `json:"subject"`
	Isolation string      `json:"isolation"`
	Pods      []PodStatus `json:"pods"`
}

// PodStatus is one pod of it.
type PodStatus struct {
	Name      string       `json:"name"`
	Node      string       `json:"node"`
	Addresses []netip.Addr `json:"addresses"`
	Captured  bool         `json:"captured"` // false for sentinels, always
	Serving   []Proc       `json:"serving,omitempty"`
	Problem   string       `json:"problem,omitempty"` // why Serving is not known
}

// Status is what the lab is now.
func (l *Lab) Status() Status {
	s := Status{Subject: None, Isolation: None}
	if d := l.dataPlane(); d != nil {
		s.Subject, s.Isolation = d.subject.Name, d.subject.Isolation
	}
	for _, p := range l.topology.Pods {
		one := PodStatus{Name: p.Name(), Node: p.Node, Addresses: p.Addresses(), Captured: s.Isolation != None && !l.hasLeft(p.Name())}
		serving, err := l.DataPlane(p.Name())
		if away := new(keeperAwayError); errors.As(err, &away) {
			one.Problem = away.Error() // the row says the rest
		} else if err != nil {
			one.Problem = err.Error()
		}
		one.Serving = serving
		s.Pods = append(s.Pods, one)
	}
	for _, p := range l.topology.Sentinels {
		s.Pods = append(s.Pods, PodStatus{Name: p.Name(), Node: p.Node, Addresses: p.Addresses()})
	}
	return s
}

// hasLeft says whether a pod was moved out of the mesh.
func (l *Lab) hasLeft(pod string) bool {
	d := l.dataPlane()
	if d == nil {
		return false
	}
	a := l.away(d, pod)
	return a != nil && a.sidecar == nil
}

// Write prints the status as a table. Pids are those inside the lab, where lab exec
// POD -- kill PID finds them.
func (s Status) Write(w io.Writer) error {
	fmt.Fprintf(w, "isolation: %s\n\n", s.Subject)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "POD\tNODE\tADDRESSES\tISOLATION\tSERVED BY")
	for _, p := range s.Pods {
		var addrs []string
		for _, a := range p.Addresses {
			addrs = append(addrs, a.String())
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Name, p.Node, strings.Join(addrs, ", "), p.isolation(s), p.served())
	}
	return t.Flush()
}

func (p PodStatus) isolation(s Status) string {
	if !p.Captured {
		return None
	}
	for _, by := range p.Serving { // which a move may have changed
		if by.Role == RoleSidecar {
			return Sidecar
		}
		group, onNode := strings.CutPrefix(by.Name, p.Node+" ")
		if isolation, _, _ := strings.Cut(group, "/"); onNode && slices.Contains(Isolations, isolation) {
			return isolation
		}
	}
	return s.Isolation
}

func (p PodStatus) served() string {
	switch {
	case !p.Captured:
		return "-"
	case p.Problem != "":
		return "unknown: " + p.Problem
	case len(p.Serving) == 0:
		return "nothing at this moment"
	}
	var by []string
	for _, s := range p.Serving {
		by = append(by, fmt.Sprintf("%s (pid %d)", s.Name, s.PID))
	}
	return strings.Join(by, ", ")
}
