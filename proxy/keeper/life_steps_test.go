package keeper

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"
)

// take takes one random step. Its parts run at the same time in a storm.
func (l *life) take() {
	steps := []struct {
		name   string
		weight int
		run    func() (wait func())
	}{
		{"add", 4, l.add}, {"remove", 2, l.remove}, {"move", 6, l.moveOne}, {"move back", 2, l.moveBack},
		{"crash", 4, l.crash}, {"hang", 1, l.hang}, {"keeper crash", 2, l.crashKeeper}, {"upgrade", 1, l.upgrade},
		{"regroup", 1, l.regroup}, {"push", 1, l.push}, {"storm", 3, l.storm},
	}
	sum := 0
	for _, s := range steps {
		sum += s.weight
	}
	n := l.rand.IntN(sum)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			l.step += ", " + s.name
			l.taken[s.name]++
			if wait := s.run(); wait != nil {
				wait()
			}
			return
		}
	}
}

// storm runs several steps at once: moves, crashes, additions, a keeper's end.
func (l *life) storm() func() {
	parts := []func() func(){l.moveOne, l.moveOne, l.moveBack, l.crash, l.crashKeeper, l.add, l.moveOne}
	var waits []func()
	for _, i := range l.rand.Perm(len(parts))[:2+l.rand.IntN(2)] {
		if wait := parts[i](); wait != nil {
			waits = append(waits, wait)
		}
	}
	var all sync.WaitGroup
	for _, wait := range waits {
		all.Go(wait)
	}
	return all.Wait
}

// pick is a random resident that is in the mesh, or is not; nil: there is none.
func (l *life) pick(present bool) *resident {
	var all []*resident
	for _, p := range l.residents {
		if p.present.Load() == present {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[l.rand.IntN(len(all))]
}

func (l *life) say(p *resident, what string) {
	if p != nil {
		what += " " + p.uid
	}
	l.step += ", " + what
}

// insist repeats a request until a keeper has answered it: the one that was asked
// may be dying.
func (l *life) insist(what string, request func() error) {
	eventually(l.t, l.step+": "+what, request)
}

func (l *life) add() func() {
	p := l.pick(false)
	if p == nil {
		return nil
	}
	l.say(p, "add")
	p.present.Store(true) // of the model; nobody talks to it before it is served
	p.use.Lock()
	return func() {
		defer p.use.Unlock()
		l.insist("add "+p.uid, func() error { return l.tryAdd(p) })
	}
}

func (l *life) tryAdd(p *resident) error {
	body := map[string]string{
		"uid": p.uid, "name": p.uid[2:], "namespace": p.namespace, "serviceAccount": p.account,
		"netns": fmt.Sprintf("/proc/%d/fd/%d", syscall.Getpid(), p.File().Fd()),
	}
	return l.call(l.t, "POST", "/pods", body, nil)
}

// remove takes a pod out while connections to it are open and say what must not be
// seen.
func (l *life) remove() func() {
	p := l.pick(true)
	if p == nil {
		return nil
	}
	l.say(p, "remove")
	stop := l.chatter(p)
	p.use.Lock()
	defer p.use.Unlock()
	p.present.Store(false)
	p.moved = ""
	l.insist("remove "+p.uid, func() error {
		err := l.call(l.t, "DELETE", "/pods?uid="+url.QueryEscape(p.uid), nil, nil)
		if err != nil && l.unknown(p) {
			return nil // by the keeper that died before it could say so
		}
		return err
	})
	stop()
	return nil
}

func (l *life) unknown(p *resident) bool {
	var pods []Pod
	err := l.call(l.t, "GET", "/pods", nil, &pods)
	return err == nil && !slices.ContainsFunc(pods, func(q Pod) bool { return q.UID == p.uid })
}

// chatter has every open flow of p talk until it is told to stop.
func (l *life) chatter(p *resident) (stop func()) {
	var talking sync.WaitGroup
	end := make(chan struct{})
	for _, f := range l.flows {
		if f.from != p && f.to != p {
			continue
		}
		talking.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for f.say() == nil {
				select {
				case <-tick.C:
				case <-end:
					return
				}
			}
		})
	}
	return func() { close(end); talking.Wait() }
}

func (l *life) moveOne() func() {
	return l.moveTo(sharing[l.rand.IntN(len(sharing))])
}

func (l *life) moveBack() func() { return l.moveTo("") }

func (l *life) moveTo(to Isolation) func() {
	p := l.pick(true)
	if p == nil {
		return nil
	}
	l.say(p, "move to "+string(to))
	p.moved = to
	p.visited = append(p.visited, l.group(p)) // in a storm it may be elsewhere at its end
	return func() {
		l.insist("move "+p.uid, func() error {
			return l.call(l.t, "POST", "/move", map[string]any{"uid": p.uid, "isolation": p.moved}, nil)
		})
	}
}

// strike does something to a random cell that connections through it may feel.
func (l *life) strike(what string, signal syscall.Signal) func() {
	var up []CellStatus
	for _, c := range l.before {
		if c.PID > 0 {
			up = append(up, c)
		}
	}
	if len(up) == 0 {
		return nil
	}
	c := up[l.rand.IntN(len(up))]
	l.say(nil, what+" "+c.Name)
	for _, p := range l.residents {
		concerned := slices.Contains(c.Workloads, p.uid) || !p.settled() // its connections may still be there
		if concerned && p.trouble.Load()%2 == 0 {
			p.trouble.Add(1)
		}
	}
	if err := syscall.Kill(c.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		l.t.Error(err)
	}
	return func() {
		l.insist("another process in place of the one struck", func() error {
			var cells []CellStatus
			if err := l.call(l.t, "GET", "/cells", nil, &cells); err != nil {
				return err
			}
			if slices.ContainsFunc(cells, func(now CellStatus) bool { return now.PID == c.PID }) {
				return fmt.Errorf("%+v", cells)
			}
			return nil
		})
	}
}

func (l *life) crash() func() { return l.strike("crash", syscall.SIGKILL) }
func (l *life) hang() func()  { return l.strike("hang", syscall.SIGSTOP) }

// crashKeeper kills the keeper; the anchor starts the next.
func (l *life) crashKeeper() func() {
	l.say(nil, "keeper crash")
	return func() { l.endKeeper(func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }) }
}

func (l *life) upgrade() func() {
	l.say(nil, "upgrade")
	return func() { l.endKeeper(func(int) error { return l.call(l.t, "POST", "/upgrade", nil, nil) }) }
}

func (l *life) endKeeper(end func(pid int) error) {
	l.ready(l.t)
	pid := l.keeperPID(l.t)
	if err := end(pid); err != nil {
		l.t.Error(l.step, err)
	}
	eventually(l.t, "the keeper ends", func() error {
		if syscall.Kill(pid, 0) == nil {
			return errors.New("it runs")
		}
		return nil
	})
}

// regroup changes the node's file.
func (l *life) regroup() func() {
	any := func() Isolation { return sharing[l.rand.IntN(len(sharing))] }
	l.isolation = any()
	l.overrides = Overrides{Namespaces: map[string]Isolation{}, Workloads: map[string]Isolation{}}
	for _, p := range l.residents {
		switch l.rand.IntN(4) {
		case 0:
			l.overrides.Namespaces[p.namespace] = any()
		case 1:
			l.overrides.Workloads[p.uid] = any()
		}
	}
	l.say(nil, fmt.Sprintf("regroup %s %+v", l.isolation, l.overrides))
	l.writeNode()
	return nil
}

// push changes a policy, and waits until it is in force between all who are there.
func (l *life) push() func() {
	l.say(nil, "push")
	l.policy.Add(1)
	l.setDeny(!l.deny)
	l.writeMesh()
	for _, from := range l.residents {
		for _, to := range l.residents {
			if from.namespace != "b" || to.namespace != "a" || !from.present.Load() || !to.present.Load() {
				continue
			}
			l.insist(from.uid+" to "+to.uid, func() error {
				if err := l.ask(from, to, false); (err != nil) != l.deny {
					return fmt.Errorf("denied: %v, but: %w", l.deny, err)
				}
				return nil
			})
		}
	}
	l.dropFlows(func(f *flow) bool { return f.from.namespace == "b" && f.to.namespace == "a" })
	l.policy.Add(1)
	return nil
}

func (l *life) dropFlows(which func(*flow) bool) {
	l.flows = slices.DeleteFunc(l.flows, func(f *flow) bool {
		if which(f) {
			f.c.Close()
			return true
		}
		return false
	})
}
