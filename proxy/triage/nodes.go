package triage

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// nodes looks at a source as a whole. It says whether that explains its cells.
func (d *diagnosis) nodes(s *Source) bool {
	before, at := d.before(s.Socket)
	if s.Problem != "" {
		d.silent(s, before)
		return true
	}
	if before == nil || before.Vitals.PID == s.Vitals.PID && before.Vitals.Started.Equal(s.Vitals.Started) {
		return false
	}
	if s.sidecar() {
		d.sidecarRestarted(s, before)
		return true
	}
	f := Finding{Path: Path{KindKeeper, s.name()}, Class: Crash, Since: s.Vitals.Started,
		Evidence: []string{fmt.Sprintf("the keeper is another process, %d after %d, since %s", s.Vitals.PID, before.Vitals.PID, s.Vitals.Started.Format("15:04:05.0"))},
		Next:     "nothing is lost: cells carry on; the keeper's last words are in the node's log"}
	switch {
	case s.Vitals.Before == vitals.EndedByOrder:
		f.Class, f.Next = Replaced, "nothing: the one before made room for it"
	case begunAnew(s, before):
		f.Path.Kind, f.Class = KindNode, Restarted
		f.Evidence = append(f.Evidence, "so is every cell: the anchor ended, or the machine did")
		f.Next = "the anchor's last words, or the machine's, say why: journalctl -k"
		f.Victims = d.sharers(uids(before))
	}
	if f.Since.Before(at) {
		f.Since = at
	}
	d.add(f)
	return f.Class == Restarted
}

// samePID is how far apart two starts must be for a process to be another one: a node that
// begins anew may give the same numbers, and a keeper that does reads them to a millisecond.
const samePID = time.Second

// begunAnew says whether no cell has the process that it had.
func begunAnew(s, before *Source) bool {
	if len(before.Cells) == 0 {
		return false
	}
	for _, c := range before.Cells {
		now := s.cell(c.Name)
		if now != nil && now.PID == c.PID && now.PID != 0 && now.Since.Sub(c.Since).Abs() < samePID {
			return false
		}
		if now != nil && now.Restarts > c.Restarts {
			return false // this cell died alone
		}
	}
	return true
}

func uids(s *Source) (all []string) {
	for _, p := range s.Pods {
		all = append(all, p.UID)
	}
	return all
}

// silentLooks is how many looks in a row a socket must be silent: a keeper that is replaced
// needs a moment.
const silentLooks = 2

// silent is a socket that does not answer: a keeper that is away, or a sidecar.
func (d *diagnosis) silent(s *Source, before *Source) {
	looks, since, hung := 0, d.now.At, strings.Contains(s.Problem, patienceOver)
	for i := len(d.window) - 1; i >= 0; i-- {
		if o := d.window[i].source(s.Socket); o == nil || o.Problem == "" {
			break
		}
		looks, since = looks+1, d.window[i].At
	}
	// A sidecar that is asked in vain until patience ends is silent once and for long; a keeper
	// has other work, and its cells carry on.
	if looks < silentLooks && !(hung && before != nil && before.sidecar()) {
		return
	}
	f := Finding{Path: Path{KindKeeper, s.Socket}, Class: Silent, Since: since, Evidence: []string{fmt.Sprintf("%d times in a row: %s", looks, s.Problem)}}
	switch {
	case before == nil && hung:
		f.Next = "its process stands still: kill -9 it, and another one takes its place; cells carry on meanwhile"
	case before == nil:
		f.Next = "is the path right, and may you open it?"
	case before.sidecar():
		f.Path = Path{KindCell, before.Cells[0].Name}
		f.Victims, f.Class = d.sharers(uids(before)), Crash
		f.Next = "kubectl logs of the pod's sidecar, the one before as well"
		if hung {
			f.Class = Hang
			f.Evidence = append(f.Evidence, "its kernel takes the connection, and nobody answers")
			f.Next = "kubectl delete pod, unless a liveness probe does so"
		} else {
			d.ended(&f, s.Socket)
		}
	default:
		f.Path.Name = before.name()
		f.Next = "bulkhead-node status on " + before.name()
	}
	d.add(f)
}
