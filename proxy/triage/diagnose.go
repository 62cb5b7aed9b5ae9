package triage

import (
	"net/netip"
	"time"
)

// Diagnose says what is wrong in the time that the observations cover, most urgent first.
// They are in the order of time; of fewer than two it can say little.
func Diagnose(window []Observation) []Finding {
	if len(window) == 0 {
		return nil
	}
	d := &diagnosis{window: window, now: &window[len(window)-1], places: map[netip.Addr]place{}}
	for i := range window {
		for a, p := range window[i].places() {
			d.places[a] = p // the newest holds
		}
	}
	for i := range d.now.Sources {
		if d.nodes(&d.now.Sources[i]) {
			continue // its cells say nothing of their own
		}
		s := &d.now.Sources[i]
		for j := range s.Cells {
			d.cells(s, &s.Cells[j])
		}
		for j := range s.Vitals.Pods {
			d.pods(s, &s.Vitals.Pods[j])
		}
		d.workloads(s)
		d.denials(s)
		d.enforced(s)
	}
	d.policies()
	d.links()
	d.control()
	return causes(d.found)
}

// diagnosis is one run of all rules.
type diagnosis struct {
	window []Observation
	now    *Observation
	places map[netip.Addr]place
	denied []denial
	found  []Finding
}

func (d *diagnosis) add(f Finding) {
	if f.Since.IsZero() {
		f.Since = d.now.At
	}
	d.found = append(d.found, f)
}

// before is the oldest answer of a socket in the window: what now is compared with. It is
// nil when there is none but the newest.
func (d *diagnosis) before(socket string) (*Source, time.Time) {
	for i := range d.window[:len(d.window)-1] {
		if s := d.window[i].source(socket); s != nil && s.Problem == "" {
			return s, d.window[i].At
		}
	}
	return nil, time.Time{}
}

// since is the oldest answer of a socket that is not older than a span; where only older
// ones are, the newest of those.
func (d *diagnosis) since(socket string, span time.Duration) (found *Source, at time.Time) {
	for i := len(d.window) - 2; i >= 0; i-- {
		s := d.window[i].source(socket)
		if s == nil || s.Problem != "" {
			continue
		}
		if found != nil && d.now.At.Sub(d.window[i].At) > span {
			break
		}
		found, at = s, d.window[i].At
	}
	return found, at
}

// lasting is since when something has been so without a break, by the answers of a socket,
// counted back from the newest. It is zero when it is not so now.
func (d *diagnosis) lasting(socket string, is func(*Source) bool) time.Time {
	var since time.Time
	for i := len(d.window) - 1; i >= 0; i-- {
		s := d.window[i].source(socket)
		if s == nil || s.Problem != "" {
			continue
		}
		if !is(s) {
			break
		}
		since = d.window[i].At
	}
	return since
}

// rose is by how much a number grew over the window, and the time of the first observation
// in which it had. A counter that began anew counts from zero.
func (d *diagnosis) rose(socket string, of func(*Source) float64) (by float64, since time.Time) {
	last, known := 0.0, false
	for i := range d.window {
		s := d.window[i].source(socket)
		if s == nil || s.Problem != "" {
			continue
		}
		n := of(s)
		if grown := n - last; known && grown != 0 {
			if grown < 0 {
				grown = n
			}
			if by += grown; grown > 0 && since.IsZero() {
				since = d.window[i].At
			}
		}
		last, known = n, true
	}
	return by, since
}

// sharers are workloads and, of each, those at the other end of its tunnels, as far as
// any observation of the window shows them.
func (d *diagnosis) sharers(workloads []string) []string {
	in := map[string]bool{}
	for _, w := range workloads {
		in[w] = true
	}
	all := map[string]bool{}
	for w := range in {
		all[w] = true
	}
	for i := range d.window {
		for j := range d.window[i].Sources {
			for _, p := range d.window[i].Sources[j].Vitals.Pods {
				for _, peer := range p.Peers {
					to := d.places[peer.Address].workload
					if to != "" && (in[p.UID] || in[to]) {
						all[p.UID], all[to] = true, true
					}
				}
			}
		}
	}
	var names []string
	for w := range all {
		names = append(names, w)
	}
	return names
}
