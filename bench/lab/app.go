package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// application is the process of one pod's workload and the two pipes to it.
type application struct {
	pod     Pod
	process *process
	in      *os.File
	ready   chan struct{} // closed when its servers listen
	stopped chan struct{} // one token, when a load has finished
	clock   chan reading  // the answer to the one question that is asked at a time
	lost    atomic.Int64

	mu      sync.Mutex
	refused error // the first command that it refused
	busy    bool  // a load was started and not stopped; StartLoad and StopLoad take turns
}

// startApplication starts a pod's application; records go to the lab's channel
// until the process ends.
func (l *Lab) startApplication(p Pod) (*application, error) {
	return l.startApplicationAs(p, l.inApplication(p, l.applicationOf(p)))
}

// applicationOf is what a pod runs.
func (l *Lab) applicationOf(p Pod) program {
	return program{
		name: "app " + p.Name(),
		argv: []string{l.bin("bulkhead"), "app", "--pod", p.Name(), "--marker", l.markerOf(p),
			"--listen", fmt.Sprintf(":%d", LoadPort), "--http", fmt.Sprintf(":%d", PagePort)},
	}
}

func (l *Lab) startApplicationAs(p Pod, run program) (*application, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, at("applications", p.Name(), err)
	}
	defer inR.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		inW.Close()
		return nil, at("applications", p.Name(), err)
	}
	defer outW.Close()
	group, err := l.groups.of(p, containerSampler, appWall)
	if err != nil {
		return nil, errors.Join(at("cgroup", p.Name(), err), inW.Close(), outR.Close())
	}
	run.group, run.stdin, run.out = group, inR, outW
	c, err := l.start(run)
	if err != nil {
		return nil, errors.Join(err, inW.Close(), outR.Close())
	}
	a := &application{pod: p, process: c, in: inW, ready: make(chan struct{}), stopped: make(chan struct{}, 1), clock: make(chan reading, 1)}
	l.readers.Go(func() { a.read(outR, l.records, l.closing) })
	return a, nil
}

// markerOf is what a pod's clients say: sentinels, which are in plaintext on the wire,
// something else than those that must not be.
func (l *Lab) markerOf(p Pod) string {
	if slices.Contains(l.topology.Sentinels, p) {
		return "sentinel"
	}
	return l.marker
}

// containerCaps are what a container runtime gives to an image that says nothing: its
// process is uid 0, with these (containerd's default).
var containerCaps = []string{
	"chown", "dac_override", "fsetid", "fowner", "mknod", "net_raw", "setgid", "setuid", "setfcap", "setpcap",
	"net_bind_service", "sys_chroot", "kill", "audit_write",
}

// inApplication has a program run as the application's container does: in the pod, in a
// box with nothing but the program, and with the capabilities of any container.
func (l *Lab) inApplication(p Pod, run program) program {
	shim := l.bin("bulkhead-node")
	spec := jail.Spec{Netns: -1, Files: -1, Caps: containerCaps, Argv: run.argv}
	run.box = &box{read: []string{shim, run.argv[0]}}
	run.argv = append([]string{shim, "shim"}, spec.Args()...)
	run.ns = l.fabric.pods[p.Name()]
	return run
}

// read takes lines until the process ends. While nobody takes records it waits: the
// application then drops and counts, which is the one place that does.
func (a *application) read(out *os.File, records chan<- load.Record, closing <-chan struct{}) {
	defer out.Close()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line, err := load.ParseLine(lines.Bytes())
		switch {
		case err != nil:
			a.refuse(err)
		case line.Event != "":
			a.note(line)
		default:
			select {
			case records <- line.Record:
			case <-closing:
			}
		}
	}
}

func (a *application) note(line load.Line) {
	switch line.Event {
	case load.EventReady:
		close(a.ready)
	case load.EventStopped:
		select {
		case a.stopped <- struct{}{}:
		default: // nobody took the token of an earlier load
		}
	case load.EventLost:
		a.lost.Store(line.Lost)
	case load.EventClock:
		select {
		case a.clock <- reading{line.At, load.Now()}:
		default: // whoever asked has given up
		}
	case load.EventError:
		a.refuse(errors.New(line.Message))
	}
}

func (a *application) refuse(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused == nil {
		a.refused = at("load", a.pod.Name(), err)
	}
}

// begin forgets what an earlier load left.
func (a *application) begin() {
	select {
	case <-a.stopped:
	default:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused = nil
}

func (a *application) refusal() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused
}

func (a *application) send(c load.Command) error {
	b, err := c.Encode()
	if err != nil {
		return at("load", a.pod.Name(), err)
	}
	_, err = a.in.Write(b)
	return at("load", a.pod.Name(), err)
}

// awaitReady waits until the servers listen.
func (a *application) awaitReady(ctx context.Context) error {
	select {
	case <-a.ready:
		return nil
	case <-a.process.ended:
		return at("applications", a.pod.Name(), a.process.failure())
	case <-ctx.Done():
		return at("applications", a.pod.Name(), ctx.Err())
	}
}

// awaitStopped waits until every request of the load has its record.
func (a *application) awaitStopped(ctx context.Context) error {
	select {
	case <-a.stopped:
		return a.refusal()
	case <-a.process.ended:
		return at("load", a.pod.Name(), a.process.failure())
	case <-ctx.Done():
		return at("load", a.pod.Name(), ctx.Err())
	}
}

// end closes the application's input, which is its order to end.
func (a *application) end() {
	_ = a.in.Close()
	a.process.stop(applicationGrace)
}
