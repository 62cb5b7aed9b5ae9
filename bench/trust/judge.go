package trust

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Result is what the judge made of a record.
type Result struct {
	Record *Record `json:"-"`
	Rows   []Row   `json:"rows"`
	// Findings are what should not be, as sentences; empty: all is as it should.
	Findings []string `json:"findings"`
}

// Row is one process, or all of a role.
type Row struct {
	Subject   string         `json:"subject"`
	Isolation string         `json:"isolation"`
	Role      string         `json:"role"`
	Process   string         `json:"process"`
	Pods      []string       `json:"pods"`    // that it serves
	Keys      int            `json:"keys"`    // issued keys in its memory
	Exposed   []string       `json:"exposed"` // workloads whose key is among them
	Foreign   []string       `json:"foreign"` // identities of keys that it should not hold
	TimeLeft  map[string]int `json:"timeLeft"`
	Signable  []string       `json:"signable"`
	Netns     []string       `json:"netns"`     // in reach
	Plaintext int            `json:"plaintext"` // flows that pass through it in plaintext
	Powers    Powers         `json:"powers"`
	Scan      Scan           `json:"scan"`
}

// Classes of the time that a key has left.
const (
	leftExpired = "expired"
	leftQuarter = "under 15 min"
	leftHalf    = "under 30 min"
	leftHour    = "under 1 h"
	leftMore    = "1 h or more"
)

var leftClasses = []string{leftExpired, leftQuarter, leftHalf, leftHour, leftMore}

func leftClass(left time.Duration) string {
	switch {
	case left <= 0:
		return leftExpired
	case left < 15*time.Minute:
		return leftQuarter
	case left < 30*time.Minute:
		return leftHalf
	case left < time.Hour:
		return leftHour
	}
	return leftMore
}

// Judge judges a record that Validate passed.
func Judge(r *Record) *Result {
	res := &Result{Record: r, Findings: []string{}}
	if r.Aborted != "" {
		res.find("the record is not whole: %s", r.Aborted)
	}
	for i := range r.Subjects {
		s := &r.Subjects[i]
		for j := range s.Processes {
			res.Rows = append(res.Rows, r.row(s, &s.Processes[j]))
		}
		res.control(s)
		res.alone(s)
		res.attempts(s)
	}
	for _, row := range res.Rows {
		if len(row.Foreign) > 0 {
			res.find("%s: %s holds keys that are not of its workloads: %v", row.Subject, row.Process, row.Foreign)
		}
	}
	return res
}

func (res *Result) find(format string, args ...any) {
	res.Findings = append(res.Findings, fmt.Sprintf(format, args...))
}

// ofProbe says whether an identity is one with which a keeper verifies: it is good for nothing else.
func ofProbe(id string) bool {
	parsed, err := identity.Parse(id)
	return err == nil && parsed.IsReserved()
}

func (r *Record) row(s *Subject, p *Process) Row {
	row := Row{
		Subject: s.Name, Isolation: s.Isolation, Role: p.Role, Process: p.Name, Pods: p.Pods, Keys: len(p.Found),
		Exposed: []string{}, Foreign: []string{}, TimeLeft: map[string]int{},
		Signable: p.Signable, Netns: p.Powers.reach(), Plaintext: r.plaintext(p), Powers: p.Powers, Scan: p.Scan,
	}
	for _, f := range p.Found {
		key := s.Issued[f.Key]
		row.TimeLeft[leftClass(key.NotAfter.Sub(s.At))]++
		served := r.served(p, key.Identity)
		if len(served) == 0 && !(p.Role == RoleKeeper && ofProbe(key.Identity)) {
			row.Foreign = append(row.Foreign, key.Identity)
		}
		row.Exposed = append(row.Exposed, served...)
	}
	slices.Sort(row.Exposed)
	row.Exposed = slices.Compact(row.Exposed)
	return row
}

// served are the workloads of a process that have an identity.
func (r *Record) served(p *Process, identity string) (pods []string) {
	for _, w := range r.Workloads {
		if w.Identity == identity && slices.Contains(p.Pods, w.Name) {
			pods = append(pods, w.Name)
		}
	}
	return pods
}

// plaintext counts the flows with an end at the process: at both ends a proxy has the
// bytes in plaintext.
func (r *Record) plaintext(p *Process) int {
	if p.Role != RoleCell && p.Role != RoleSidecar {
		return 0
	}
	n := 0
	for _, f := range r.Flows {
		if slices.Contains(p.Pods, f.From) || slices.Contains(p.Pods, f.To) {
			n++
		}
	}
	return n
}

// reach is where a process can open sockets: where it lives, and with CAP_SYS_ADMIN
// wherever it has a descriptor of.
func (p Powers) reach() []string {
	all := []string{}
	if p.Netns != NoNetns {
		all = append(all, p.Netns)
	}
	if slices.Contains(p.Capabilities, "sys_admin") {
		all = append(all, p.NetnsFDs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// control wants every process that serves somebody to hold a key for each of its
// identities: a scan that does not find what must be there proves nothing.
func (res *Result) control(s *Subject) {
	for i := range s.Processes {
		p := &s.Processes[i]
		for _, pod := range p.Pods {
			if !res.Record.holds(s, p, pod) {
				res.find("%s: control failed: no key of %s was found in %s, which serves it", s.Name, pod, p.Name)
			}
		}
	}
}

func (r *Record) holds(s *Subject, p *Process, pod string) bool {
	return slices.ContainsFunc(p.Found, func(f Found) bool {
		return slices.Contains(r.served(p, s.Issued[f.Key].Identity), pod)
	})
}

// alone wants no key in two processes: replicas have one identity, and each cell that
// serves one has a key of its own.
func (res *Result) alone(s *Subject) {
	holder := map[int]string{}
	for _, p := range s.Processes {
		for _, f := range p.Found {
			if other, twice := holder[f.Key]; twice {
				res.find("%s: a key of %s is in %s and in %s", s.Name, s.Issued[f.Key].Identity, other, p.Name)
			}
			holder[f.Key] = p.Name
		}
	}
}
