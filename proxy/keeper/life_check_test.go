package keeper

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// check waits until the node is as it should be, and wants everything that must hold.
func (l *life) check() {
	l.ready(l.t)
	var now []CellStatus
	l.insist("the cells are as they should be", func() error {
		now = nil
		if err := l.call(l.t, "GET", "/cells", nil, &now); err != nil {
			return err
		}
		return l.grouped(now)
	})
	struck := l.calm()
	l.undisturbed(now, struck)
	l.before = now
	l.notice(now)
	l.noticeServed(now)
	if l.count++; l.count%keyScanEvery == 0 {
		l.checkKeys(now)
	}
	l.checkFlows()
	l.openFlows()
	l.collect()
	if l.wire.Seen([]byte(marker)) != 0 {
		l.t.Errorf("%s: plaintext on the wire (I1)", l.step)
	}
	l.wire.Forget()
	for _, p := range l.residents {
		if err := rules.Verify(p.Namespace, rules.Plan{Ports: redirect.NodePorts}); (err == nil) != p.present.Load() {
			l.t.Errorf("%s: capture of %s, present %v: %v", l.step, p.uid, p.present.Load(), err)
		}
	}
}

// group is where a resident belongs, said anew: a test that asks Config.Group would
// believe what it should doubt.
func (l *life) group(p *resident) string {
	i := l.isolation
	if v, ok := l.overrides.Namespaces[p.namespace]; ok {
		i = v
	}
	if v, ok := l.overrides.Workloads[p.uid]; ok {
		i = v
	}
	if p.moved != "" {
		i = p.moved
	}
	return map[Isolation]string{
		Shared: "shared", Namespace: "namespace/" + p.namespace,
		ServiceAccount: "service-account/" + p.namespace + "/" + p.account, PerWorkload: "workload/" + p.uid,
	}[i]
}

// grouped is nil when each cell serves those who belong to it, and there is no other.
func (l *life) grouped(cells []CellStatus) error {
	want := map[string][]string{}
	for _, p := range l.residents {
		if p.present.Load() {
			want[l.group(p)] = append(want[l.group(p)], p.uid)
		}
	}
	for _, c := range cells {
		if len(c.Workloads) == 0 && c.State == string(cellStopping) {
			continue // it drains
		}
		slices.Sort(want[c.Name])
		if c.State != "up" || c.PID == 0 || !slices.Equal(c.Workloads, want[c.Name]) {
			return fmt.Errorf("cell %+v, want %v", c, want[c.Name])
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		return fmt.Errorf("no cell for %v", want)
	}
	return nil
}

// calm ends the trouble of those whose cell was struck, and says who they were.
func (l *life) calm() (struck map[string]bool) {
	struck = map[string]bool{}
	for _, p := range l.residents {
		if p.trouble.Load()%2 == 1 {
			struck[p.uid] = true
			p.trouble.Add(1)
		}
	}
	return struck
}

// retirement is how long a cell may take to be retired: until its third process is
// allowed, which is the end of another's drain.
const retirement = 5 * time.Second

// undisturbed wants every cell to be the process that it was (I4), but one that was
// struck, or that somebody left a moment ago: it may be retired, when others serve
// who left and when it has room.
func (l *life) undisturbed(now []CellStatus, struck map[string]bool) {
	for _, c := range now {
		i := slices.IndexFunc(l.before, func(b CellStatus) bool { return b.Name == c.Name })
		if i < 0 || l.before[i].PID == 0 {
			continue
		}
		was := l.before[i]
		hit := slices.ContainsFunc(was.Workloads, func(uid string) bool { return struck[uid] })
		if slices.ContainsFunc(was.Workloads, func(uid string) bool { return !slices.Contains(c.Workloads, uid) }) {
			l.left[c.Name] = time.Now()
		}
		retired := time.Since(l.left[c.Name]) < retirement
		if strings.Contains(l.step, "storm") { // somebody may have left and come back
			l.left[c.Name], retired = time.Now(), true
		}
		if was.PID != c.PID && !hit && !retired {
			l.t.Errorf("%s: another process serves %s: before %+v, now %+v", l.step, c.Name, was, c)
		}
	}
}

// notice writes down since when a process serves each resident.
func (l *life) notice(now []CellStatus) {
	for _, p := range l.residents {
		pid := 0
		for _, c := range now {
			if slices.Contains(c.Workloads, p.uid) {
				pid = c.PID
			}
		}
		if pid != p.pid {
			p.pid, p.since = pid, time.Now()
		}
	}
}

// collect takes what the talkers found.
func (l *life) collect() {
	for {
		select {
		case f := <-l.failures:
			l.t.Errorf("%s: a connection from %s to %s failed: %v", l.step, f.from.uid, f.to.uid, f.err)
		case what := <-l.trespass:
			l.t.Errorf("%s: %s (I2)", l.step, what)
		default:
			return
		}
	}
}

// end removes every pod and wants nothing to be left.
func (l *life) end() {
	l.step = "the end"
	l.stopTalk()
	l.talking.Wait()
	l.checkKeys(l.before)
	for l.pick(true) != nil {
		l.remove()
	}
	l.dropFlows(func(*flow) bool { return true })
	l.insist("no cell is left", func() error {
		var cells []CellStatus
		if err := l.call(l.t, "GET", "/cells", nil, &cells); err != nil || len(cells) > 0 {
			return fmt.Errorf("%w: %+v", err, cells)
		}
		if got := l.anchorFiles(); got != l.quiet {
			return fmt.Errorf("the anchor has %d descriptors, %d when it began", got, l.quiet)
		}
		return nil
	})
	l.check()
	// The control of I1: the same words outside of the mesh are seen.
	if err := l.ask(l.residents[0], l.residents[1], false); err != nil {
		l.t.Error(err)
	}
	if l.wire.Seen([]byte(marker)) == 0 {
		l.t.Error("nothing was seen on the wire when it was in plaintext: it proves nothing that nothing was seen before")
	}
	l.wire.Forget()
	if err := l.orphans(); err != nil {
		l.t.Error(err)
	}
}

// orphans is nil when the anchor has no child but its keeper.
func (l *life) orphans() error {
	keeper := l.keeperPID(l.t)
	children, err := childrenOf(l.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for _, pid := range children {
		if pid != keeper && syscall.Kill(pid, 0) == nil {
			return fmt.Errorf("process %d is left over", pid)
		}
	}
	return nil
}

// childrenOf lists a process's children, of all its threads.
func childrenOf(pid int) (children []int, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			return nil, err
		}
		for f := range bytes.FieldsSeq(b) {
			var child int
			if _, err := fmt.Sscan(string(f), &child); err != nil {
				return nil, errors.New(string(b))
			}
			children = append(children, child)
		}
	}
	return children, nil
}
