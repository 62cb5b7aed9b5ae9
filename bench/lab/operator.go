package lab

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// Replace runs `bulkhead-node replace` for each node, one after another, and returns
// the last line of each.
func (l *Lab) Replace(ctx context.Context) (string, error) { return l.operate(ctx, "replace") }

// Upgrade runs `bulkhead-node upgrade` and then `replace` for each node, one after
// another, as for a new version, and returns the last line of each.
func (l *Lab) Upgrade(ctx context.Context) (string, error) {
	return l.operate(ctx, "upgrade", "replace")
}

// operate runs subcommands of bulkhead-node for each node.
func (l *Lab) operate(ctx context.Context, verbs ...string) (string, error) {
	d := l.dataPlane()
	if d == nil || !d.subject.OnNode() {
		return "", nil
	}
	var said []string
	for _, n := range l.topology.Nodes {
		for _, verb := range verbs {
			c, err := l.run(ctx, program{name: verb + " " + n.Name, argv: []string{l.bin("bulkhead-node"), verb, "--admin", l.adminSocket(n)}})
			if err != nil {
				return "", err
			}
			if c.err != nil {
				return "", at(verb, n.Name, c.failure())
			}
			words := strings.Split(lastWords(c.log), " | ")
			said = append(said, n.Name+": "+words[len(words)-1])
		}
	}
	return strings.Join(said, "; "), nil
}

// drainSlack is for a keeper to say that a drain is over, after its deadline.
const drainSlack = 20 * time.Second

// DrainPod has a pod's keeper refuse its new connections and cut the open ones at a
// deadline. It returns when none is left, and says how many there were.
func (l *Lab) DrainPod(ctx context.Context, pod string, deadline time.Duration) (string, error) {
	var done []admin.Drained
	if err := l.drain(ctx, admin.Drain{Workloads: []string{pod}, Seconds: deadline.Seconds()}, &done); err != nil {
		return "", err
	}
	if len(done) != 1 {
		return "", at("drain", pod, fmt.Errorf("the keeper says that %d workloads are drained", len(done)))
	}
	d := done[0]
	return fmt.Sprintf("%s in %s: %d connections were open, %d were cut, after %.1f s", pod, d.Cell, d.Open, d.Cut, d.Seconds), nil
}

// UndrainPod returns when a pod that was drained is served again.
func (l *Lab) UndrainPod(ctx context.Context, pod string) error {
	return l.drain(ctx, admin.Drain{Workloads: []string{pod}, Undo: true}, nil)
}

func (l *Lab) drain(ctx context.Context, order admin.Drain, result any) error {
	pod := order.Workloads[0]
	p, ok := l.topology.Pod(pod)
	d := l.dataPlane()
	switch {
	case !ok:
		return l.unknownPod(pod)
	case d == nil || !d.subject.OnNode():
		return &Misuse{"this lab has no node proxy that could drain workloads: start one with: bulkhead lab up --isolation shared"}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(order.Seconds*float64(time.Second))+drainSlack)
	defer cancel()
	return at("drain", pod, d.admins[p.Node].call(ctx, http.MethodPost, "/drain", order, result))
}
