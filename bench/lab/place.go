package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// dataPlane is what Place put into the lab. Only its containers change.
type dataPlane struct {
	subject    Subject
	containers []*container          // of the kubelet
	serving    map[string]*container // by pod
	admins     map[string]*nodeAdmin // by node; none for sidecars
	away       map[string]*away      // by pod: those that Move took off their node; under the lab's mu
	kubelet    sync.WaitGroup        // one goroutine per container
	life       context.Context       // of the kubelet
	rest       context.CancelFunc    // ends the kubelet
}

// keep has the kubelet look after a container, until that is left alone again.
func (d *dataPlane) keep(c *container) {
	ctx, leave := context.WithCancel(d.life)
	left := make(chan struct{})
	c.leave = func() {
		leave()
		<-left
	}
	d.kubelet.Go(func() {
		defer close(left)
		c.keep(ctx)
	})
}

// How many pods are handled at the same time. Setting up starts processes, and more
// of them than CPUs only wait for each other; giving back mostly waits for connections
// to drain, each pod for its own.
const (
	atOnce        = 4
	givenBackOnce = 4 * atOnce
)

// Place starts the data plane of a subject and captures the pods; it returns when
// every pod is served. When it fails, what it had started is gone again.
func (l *Lab) Place(ctx context.Context, s Subject) error {
	if err := s.validate(); err != nil {
		return at("place", s.Name, err)
	}
	if l.dataPlane() != nil {
		return at("place", s.Name, errors.New("another subject is placed: displace it first"))
	}
	if s.Isolation == None {
		return l.writeHosts(false)
	}
	d := l.plan(s)
	d.life, d.rest = context.WithCancel(context.Background())
	l.setDataPlane(d)
	limited, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	if err := l.begin(limited, d); err != nil {
		return errors.Join(at("place", s.Name, err), l.Displace(context.WithoutCancel(ctx)))
	}
	for _, c := range d.containers {
		d.keep(c)
	}
	return l.writeHosts(true)
}

// plan makes a data plane's containers and starts none.
func (l *Lab) plan(s Subject) *dataPlane {
	d := &dataPlane{subject: s, serving: make(map[string]*container), admins: make(map[string]*nodeAdmin), away: make(map[string]*away)}
	if s.OnNode() {
		l.planNodes(d)
	} else {
		l.planSidecars(d)
	}
	return d
}

func (l *Lab) begin(ctx context.Context, d *dataPlane) error {
	if d.subject.OnNode() {
		return beginNodes(ctx, d)
	}
	return l.beginSidecars(ctx, d)
}

// Displace undoes Place and checks that nothing of it is left in any pod, and heals what
// is wrong with links. It goes on after an error, and returns all.
func (l *Lab) Displace(ctx context.Context) error {
	healed := l.Heal(ctx) // connections drain over a link that works
	d := l.dataPlane()
	if d == nil {
		return healed
	}
	d.rest()
	d.kubelet.Wait()
	// On a dense node every pod may have connections to wait for.
	waits := time.Duration(len(l.topology.Pods)/givenBackOnce) * Drain
	ctx, cancel := context.WithTimeout(ctx, displaceTimeout+waits)
	defer cancel()
	err := l.writeHosts(false)
	if d.subject.OnNode() {
		err = errors.Join(err, l.displaceNodes(ctx, d))
	} else {
		err = errors.Join(err, l.displaceSidecars(ctx))
	}
	var ending sync.WaitGroup
	for _, c := range d.containers {
		ending.Go(c.stop)
	}
	ending.Wait()
	err = errors.Join(err, l.comeBack(d))
	l.setDataPlane(nil)
	return at("displace", d.subject.Name, errors.Join(healed, err, l.checkTraces()))
}

// checkTraces compares every pod with what it was before any data plane.
func (l *Lab) checkTraces() error {
	var errs []error
	for name, before := range l.before {
		now, err := readTraces(l.fabric.pods[name])
		if err == nil {
			err = before.compare(now)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// each calls do for every pod, so many at a time, and returns all errors.
func (l *Lab) each(pods []Pod, atOnce int, do func(Pod) error) error {
	var group errgroup.Group
	group.SetLimit(atOnce)
	errs := make([]error, len(pods))
	for i, p := range pods {
		group.Go(func() error {
			if err := do(p); err != nil {
				errs[i] = fmt.Errorf("%s: %w", p.Name(), err)
			}
			return nil // the others go on
		})
	}
	return errors.Join(group.Wait(), errors.Join(errs...))
}

// netnsPath is where another process of the lab finds a pod's namespace.
func (l *Lab) netnsPath(p Pod) string {
	return fmt.Sprintf("/proc/%d/fd/%d", l.pid, l.fabric.pods[p.Name()].File().Fd())
}

// capture runs `bulkhead-node capture` on a pod.
func (l *Lab) capture(ctx context.Context, p Pod, verb string, args ...string) error {
	c, err := l.run(ctx, program{
		name: "capture " + p.Name(),
		argv: append([]string{l.bin("bulkhead-node"), "capture", verb, "--netns", l.netnsPath(p)}, args...),
	})
	if err != nil || c.err == nil {
		return err
	}
	return fmt.Errorf("capture %s: %w", verb, c.failure())
}
