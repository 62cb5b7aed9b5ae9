package attack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// thief is one attack. Its attempts are made one after another.
type thief struct {
	Orders
	out    io.Writer
	keeper *keeper        // nil: it has no channel
	places []place        // where it can open sockets
	svid   *identity.SVID // its own, nil until it has one
	port   uint16         // of the observer, for the next packet
	packet *Packet        // that the attempt under way has sent
	isLast bool           // the attempt under way is the last
}

// place is a network namespace that is the thief's by right.
type place struct {
	pod string // a workload, or trust.Self where it lives
	ns  *netns.Namespace
}

// Run makes every attempt, says so on out, and then waits for ctx to end.
func Run(ctx context.Context, o Orders, out io.Writer) error {
	t := &thief{Orders: o, out: out, port: o.FirstPort, places: []place{{trust.Self, netns.Own()}}}
	var listening sync.WaitGroup
	defer listening.Wait()
	err := t.begin(ctx, &listening)
	if t.keeper != nil {
		defer t.keeper.conn.Close()
	}
	if err == nil && t.Imposture != nil {
		t.impersonate(ctx)
		return nil
	}
	if err == nil {
		t.everything(ctx)
	}
	done := Line{Done: &Done{}}
	if err != nil {
		done.Done.Error = err.Error()
	} else {
		t.execute(done)
		t.last(ctx)
	}
	if err := done.write(out); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// begin takes what a cell is given.
func (t *thief) begin(ctx context.Context, listening *sync.WaitGroup) error {
	if t.By != trust.ByCell || t.Token != "" {
		return nil // an application, or a sidecar: nobody hands over anything
	}
	k, err := stealChannel()
	if err != nil {
		return err
	}
	t.keeper = k
	listening.Go(k.listen)
	if err := k.await(ctx, t.Group); err != nil {
		return err
	}
	for _, name := range t.Group {
		f := k.file(name, cell.FileNetns)
		if f == nil {
			continue // it lives there
		}
		ns, err := netns.FromFile(f)
		if err != nil {
			return err
		}
		t.places = append(t.places, place{name, ns})
	}
	return nil
}

// everything is in the order of the report. What may break something comes last.
func (t *thief) everything(ctx context.Context) {
	if t.By == trust.ByApplication {
		t.ofApplication(ctx)
		return
	}
	t.identities(ctx)
	t.destinations(ctx)
	t.neighbours(ctx)
	t.namespaces()
	t.processes()
	t.files()
	t.sockets()
	t.sources()
	t.privileges()
	t.listeners()
}

// control is what must succeed, or the other attempts prove nothing.
func (t *thief) control(kind string, do func() error) {
	t.attempt(trust.Attempt{Kind: kind, Target: trust.Self, Control: true}, do)
}

// try makes one attempt.
func (t *thief) try(kind, target string, do func() error) {
	t.attempt(trust.Attempt{Kind: kind, Target: target}, do)
}

func (t *thief) attempt(a trust.Attempt, do func() error) {
	a.By, a.Outcome = t.By, trust.Killed
	t.say(Line{Begin: &a, Last: t.isLast})
	t.packet = nil
	err := do()
	switch {
	case err == nil:
		a.Outcome = trust.Succeeded
	case errors.Is(err, errNotEnforceable):
		a.Outcome = trust.NotEnforceable
	default:
		a.Outcome, a.Errno = trust.Refused, word(err)
	}
	t.say(Line{End: &End{Attempt: a, Packet: t.packet}})
}

// execute becomes another program, which is the end of this one: a shell would say that it
// succeeded, and that the attack is done.
func (t *thief) execute(done Line) {
	a := trust.Attempt{By: t.By, Kind: "execute another program", Target: "node", Outcome: trust.Killed}
	t.say(Line{Begin: &a})
	a.Outcome = trust.Succeeded
	var succeeded, ended bytes.Buffer
	err := errors.Join(Line{End: &End{Attempt: a}}.write(&succeeded), done.write(&ended))
	if err == nil {
		err = unix.Exec("/bin/sh", []string{"sh", "-c", `printf '%s' "$0" "$1"; exec sleep 3600`, succeeded.String(), ended.String()}, nil)
	}
	a.Outcome, a.Errno = trust.Refused, word(err)
	t.say(Line{End: &End{Attempt: a}})
}

// say ends the attack where nobody hears it.
func (t *thief) say(l Line) {
	if err := l.write(t.out); err != nil {
		os.Exit(1)
	}
}

// others are the workloads outside the group.
func (t *thief) others() []Workload {
	return slices.DeleteFunc(slices.Clone(t.Workloads), func(w Workload) bool { return slices.Contains(t.Group, w.Name) })
}

func (t *thief) workload(name string) Workload {
	i := slices.IndexFunc(t.Workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}
	}
	return t.Workloads[i]
}

var errIgnored = errors.New("ignored")
