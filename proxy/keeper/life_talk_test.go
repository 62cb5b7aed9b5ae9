package keeper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// talk makes connections between residents all the time, until the test ends.
func (l *life) talk() {
	ctx, cancel := context.WithCancel(context.Background())
	l.stopTalk = cancel
	for range 2 {
		r := rand.New(rand.NewPCG(l.rand.Uint64(), 0))
		l.talking.Go(func() {
			tick := time.NewTicker(talkInterval)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					l.talkOnce(r)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	l.t.Cleanup(func() {
		cancel()
		l.talking.Wait()
		l.dropFlows(func(*flow) bool { return true }) // the applications wait for them
	})
}

// talkOnce has a random resident connect to another, if both are in the mesh. What
// fails and should not have is reported, and so is what did not fail and should have.
func (l *life) talkOnce(r *rand.Rand) {
	from, to := l.residents[r.IntN(len(l.residents))], l.residents[r.IntN(len(l.residents))]
	if from == to || !from.use.TryRLock() {
		return
	}
	defer from.use.RUnlock()
	if !to.use.TryRLock() {
		return
	}
	defer to.use.RUnlock()
	if !from.present.Load() || !to.present.Load() {
		return
	}
	allowed, begin := l.allowed(from, to), l.condition(from, to)
	err := l.ask(from, to, r.IntN(2) == 0)
	sure := begin == l.condition(from, to) && begin.policy%2 == 0
	calm := begin.from%2 == 0 && begin.to%2 == 0
	switch {
	case !allowed:
		l.denied.Add(1)
		if err == nil && sure {
			l.trespass <- fmt.Sprintf("%s got an answer from %s", from.uid, to.uid)
		}
	case err == nil:
		l.made.Add(1)
	case sure && calm, errors.Is(err, syscall.ECONNREFUSED): // custody: never refused
		l.failures <- failure{from, to, err}
	}
}

// condition is what may excuse a failure, if it changed meanwhile.
type condition struct{ from, to, policy int64 }

func (l *life) condition(from, to *resident) condition {
	return condition{from.trouble.Load(), to.trouble.Load(), l.policy.Load()}
}

// ask opens a connection, says a line, and wants the right resident's answer.
func (l *life) ask(from, to *resident, six bool) error {
	f, err := dialResident(from, to, six)
	if err != nil {
		return err
	}
	defer f.c.Close()
	return f.say()
}

// A flow is an open connection between two residents, and the processes that carry it.
type flow struct {
	from, to *resident
	c        net.Conn
	r        *bufio.Reader
	pids     [2]int
	said     int
}

func dialResident(from, to *resident, six bool) (*flow, error) {
	a := to.A4
	if six && to.A6.IsValid() {
		a = to.A6
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := from.Dial(ctx, netns.DialOptions{Remote: netip.AddrPortFrom(a, 8080)})
	if err != nil {
		return nil, err
	}
	return &flow{from: from, to: to, c: c, r: bufio.NewReaderSize(c, 256)}, nil
}

// say sends a line and reads the answer.
func (f *flow) say() error {
	f.said++
	line := fmt.Sprintf("%s %d\n", marker, f.said)
	if err := f.c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(f.c, line); err != nil {
		return err
	}
	got, err := f.r.ReadString('\n')
	if err != nil {
		return err
	}
	if want := f.to.uid + " " + line; got != want {
		return fmt.Errorf("heard %q, want %q", got, want)
	}
	return nil
}

// settled says whether whoever served the resident before has ended its drain (1 s).
func (p *resident) settled() bool { return time.Since(p.since) > 2*time.Second }

// openFlows keeps a handful of long-lived connections between residents that are
// present and may talk.
func (l *life) openFlows() {
	for range 10 {
		if len(l.flows) >= 4 {
			return
		}
		from, to := l.pick(true), l.pick(true)
		if from == nil || from == to || !l.allowed(from, to) || !from.settled() || !to.settled() {
			continue
		}
		f, err := dialResident(from, to, l.rand.IntN(2) == 0)
		if err == nil {
			err = f.say()
		}
		if err != nil {
			l.t.Errorf("%s: open a connection from %s to %s: %v", l.step, from.uid, to.uid, err)
			return
		}
		f.pids = f.carriers()
		l.flows = append(l.flows, f)
	}
}

// carriers are the processes that serve a flow's two ends now.
func (f *flow) carriers() [2]int { return [2]int{f.from.pid, f.to.pid} }

// checkFlows wants every flow to go on whose processes are what they were (I4, I5);
// the others are closed.
func (l *life) checkFlows() {
	var kept []*flow
	for _, f := range l.flows {
		if f.pids == f.carriers() && f.from.present.Load() && f.to.present.Load() {
			if err := f.say(); err != nil {
				l.t.Errorf("%s: connection from %s to %s: %v; processes %v are what they were", l.step, f.from.uid, f.to.uid, err, f.pids)
			}
			kept = append(kept, f)
			continue
		}
		f.c.Close()
	}
	l.flows = kept
}
