package lab

import (
	"context"
	"fmt"
	"strconv"
)

// For tests of this package that need packages which need it.
var (
	Inside = inside
	UpLab  = upLab
)

// AllowEverything makes a hole: the mesh's file forbids nothing any more, and the lab
// believes that it does.
func (l *Lab) AllowEverything() error {
	open := l.topology
	open.Denied, open.Strict = nil, nil
	return l.writeYAML(meshFile, meshOf(open))
}

// SkewClock starts a pod's application anew in a time namespace, in which the monotonic
// clock is so many seconds ahead.
func (l *Lab) SkewClock(ctx context.Context, pod string, ahead int) error {
	p, known := l.topology.Pod(pod)
	if !known {
		return fmt.Errorf("no pod %s", pod)
	}
	l.apps[pod].end()
	run := l.applicationOf(p)
	run.argv = append([]string{"unshare", "--time", "--monotonic", strconv.Itoa(ahead), "--fork", "--kill-child"}, run.argv...)
	run.ns = l.fabric.pods[pod]
	a, err := l.startApplicationAs(p, run)
	if err != nil {
		return err
	}
	l.apps[pod] = a
	return a.awaitReady(ctx)
}
