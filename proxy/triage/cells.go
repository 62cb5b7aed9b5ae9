package triage

import (
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// silentPings is how many pings in a row a cell does not answer before that means
// something: one may be on its way while somebody looks.
const silentPings = 2

// cells looks at one cell of a source.
func (d *diagnosis) cells(s *Source, c *Cell) {
	v := s.vitals(c.Name)
	if v == nil {
		return
	}
	path := s.cellPath(c.Name)
	if d.died(s, c, path) {
		return
	}
	if v.Unanswered >= silentPings {
		since := d.lasting(s.Socket, func(s *Source) bool { v := s.vitals(c.Name); return v != nil && v.Unanswered > 0 })
		d.add(Finding{
			Path: path, Class: Hang, Since: since, Victims: d.sharers(c.Workloads),
			Evidence: []string{fmt.Sprintf("pid %d runs and did not answer %d pings", v.PID, v.Unanswered)},
			Next:     "bulkhead-node replace, or wait: a keeper with liveness kills it after its misses",
		})
		return
	}
	d.halfDead(s, c, path)
	d.starved(s, c, path)
	d.descriptors(s, c, path)
	d.taken(s, c)
	d.filling(s, c, path)
	d.replaced(s, c, path)
	d.log(s, c, path.Name)
}

// log says that nobody reads what the cell writes: it drops lines instead of waiting.
func (d *diagnosis) log(s *Source, c *Cell, name string) {
	label := fmt.Sprintf("cell=%q", c.Name)
	n, since := d.rose(s.Socket, func(s *Source) float64 { return s.sum("bulkhead_cell_access_lines_dropped", label) })
	if n > 0 {
		d.add(Finding{
			Path: Path{KindLog, name}, Class: Stuck, Since: since,
			Evidence: []string{fmt.Sprintf("%.0f access lines were dropped, because nobody read them; no connection waits for that", n)},
			Next:     "df of the disk that takes the container's log; is its runtime alive?",
		})
	}
}

// died says that a process of the cell ended within the window, and of what.
func (d *diagnosis) died(s *Source, c *Cell, path Path) bool {
	v := s.vitals(c.Name)
	deaths, since := d.rose(s.Socket, func(s *Source) float64 {
		if c := s.cell(c.Name); c != nil {
			return float64(c.Restarts)
		}
		return 0
	})
	if before, at := d.before(s.Socket); before == nil || before.cell(c.Name) == nil {
		deaths = 0
	} else if v.Death != nil && v.Death.At.After(at) {
		deaths, since = max(deaths, 1), v.Death.At
	}
	away := c.State != "up" && c.State != "none" && c.State != "stopping"
	if deaths == 0 && !away && !c.Looping {
		return false
	}
	f := Finding{Path: path, Class: Crash, Since: since, Victims: d.sharers(c.Workloads), Next: "bulkhead who " + c.Name + "; the cell's last words are in the node's log"}
	f.Evidence = append(f.Evidence, fmt.Sprintf("%d deaths in all, %d of them in the window; it is %s", c.Restarts, int(deaths), c.State))
	if v.Death != nil {
		f.Evidence = append(f.Evidence, "the last one: "+v.Death.String())
	}
	f.Class = classOfDeath(c, int(deaths), v.Death, d.oomKilled(s, c))
	switch f.Class {
	case CrashLoop:
		f.Next = "bulkhead move WORKLOAD --to workload: give the one that you suspect, or one that is innocent, a cell of its own"
	case MemoryWall:
		f.Next = "raise walls.workload.memory of the node, or bulkhead move the greediest workload --to workload"
	}
	d.add(f)
	return true
}

func (d *diagnosis) oomKilled(s *Source, c *Cell) bool {
	n, _ := d.rose(s.Socket, func(s *Source) float64 {
		if c := s.cell(c.Name); c != nil {
			return float64(c.OOMKills)
		}
		return 0
	})
	return n > 0
}

// loopDeaths within a window are a loop: it died again as soon as it was back.
const loopDeaths = 2

// classOfDeath: a loop explains more than one death does.
func classOfDeath(c *Cell, deaths int, death *vitals.Death, oom bool) Class {
	switch {
	case c.Looping || deaths >= loopDeaths:
		return CrashLoop
	case oom || death != nil && death.OutOfMemory():
		return MemoryWall
	case death != nil && death.Killed != "":
		return Hang
	}
	return Crash
}

// Half-dead: the cell answers pings, and connections pile up: at its door, or inside of it,
// where they begin and none of them ends. On a busy machine a few wait at any moment, and some
// workloads only have connections that last, so it takes a number of them, some time, and a workload
// whose connections used to end.
const (
	halfDeadAfter = 900 * time.Millisecond
	halfDeadLeast = 8   // connections
	endingShare   = 0.8 // of those that had begun before
	keptSpan      = 2500 * time.Millisecond
)

func (d *diagnosis) halfDead(s *Source, c *Cell, path Path) {
	f := Finding{Path: path, Class: HalfDead, Victims: d.sharers(c.Workloads), Next: "bulkhead-node replace"}
	waiting := func(s *Source) bool { return waitingAt(s, c.Workloads) > 0 }
	if since := d.lasting(s.Socket, waiting); !since.IsZero() && d.now.At.Sub(since) >= halfDeadAfter && waitingAt(s, c.Workloads) >= halfDeadLeast {
		f.Since = since
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d connections wait at its door, some of them since %v; it answers pings", waitingAt(s, c.Workloads), d.now.At.Sub(since).Round(100*time.Millisecond)))
	}
	was, at := d.since(s.Socket, keptSpan)
	if was == nil || d.now.At.Sub(at) < halfDeadAfter {
		return
	}
	for _, uid := range c.Workloads {
		label := fmt.Sprintf("workload=%q", uid)
		opened, closed := was.sum("bulkhead_connections_opened_total", label), was.sum("bulkhead_connections_closed_total", label)
		begun, ended := s.sum("bulkhead_connections_opened_total", label)-opened, s.sum("bulkhead_connections_closed_total", label)-closed
		if begun < halfDeadLeast || ended != 0 || closed < endingShare*opened || opened == 0 {
			continue
		}
		if f.Since.IsZero() {
			f.Since = at
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%.0f connections of %s began within %v and none ended, of which %.0f %% did before; it answers pings", begun, uid, d.now.At.Sub(at).Round(100*time.Millisecond), 100*closed/opened))
	}
	if len(f.Evidence) > 0 {
		d.add(f)
	}
}

// waitingAt is how many connections wait at the doors of workloads.
func waitingAt(s *Source, workloads []string) (n uint32) {
	for _, uid := range workloads {
		p := s.pod(uid)
		if p == nil {
			continue
		}
		for _, door := range p.Doors {
			if vitals.OurPort(door.Port) {
				n += door.Waiting
			}
		}
	}
	return n
}

// replaced says that the cell has another process, and nobody died.
func (d *diagnosis) replaced(s *Source, c *Cell, path Path) {
	before, _ := d.before(s.Socket)
	if before == nil {
		return
	}
	was := before.cell(c.Name)
	if was == nil || was.Generation >= c.Generation || was.PID == c.PID {
		return
	}
	d.add(Finding{
		Path: path, Class: Replaced, Victims: d.sharers(c.Workloads),
		Evidence: []string{fmt.Sprintf("pid %d took over from %d, and nobody died; %d earlier processes drain", c.PID, was.PID, len(c.Draining))},
		Next:     "nothing: long-lived connections end at the deadline of the drain and come back",
	})
}
