package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// sendTimeout is for one request of a client that the lab itself is.
const sendTimeout = 5 * time.Second

// NobodyAskedError is a pod that, by the topology, talks to nobody.
type NobodyAskedError struct{ Pod string }

func (e *NobodyAskedError) Error() string {
	return e.Pod + " talks to nobody: choose a culprit that is a client of some edge"
}

// Send has a client in a pod send a text to the pod's first server, over a connection of
// its own that is captured as any other. It says whether that was answered, and to whom
// it went; an error is a connection that did not come about.
func (l *Lab) Send(ctx context.Context, pod, text string) (answered bool, note string, err error) {
	i := slices.IndexFunc(l.topology.Edges, func(e Edge) bool { return e.From == pod })
	if i < 0 {
		return false, "", &NobodyAskedError{pod}
	}
	edge := l.topology.Edges[i]
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	c, err := l.fabric.pods[pod].Dial(ctx, netns.DialOptions{Remote: l.topology.Target(edge)})
	if err != nil {
		return false, "", at("send", pod, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	note = fmt.Sprintf("%d bytes from %s to %s", len(text), pod, edge.To)
	return load.Ask(c, text) == nil, note, ctx.Err()
}
