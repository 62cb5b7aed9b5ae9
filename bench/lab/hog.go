package lab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/hog"
)

const hogGrace = time.Second

// hogMost bounds what a hog takes where no limit does.
const hogMost = 2 * (512 + 128) << 20

// hogWall is the limits of an application's container, where its manifest has any.
func hogWall(kind hog.Kind, limited bool) wall {
	switch {
	case !limited:
		return wall{}
	case kind == hog.OfCPU:
		return wall{cpu: 0.5}
	}
	return wall{memory: appWall.memory}
}

// Misbehave starts a second process in the application's container of a pod, which takes
// what it can get, and says what; the function that it returns ends it. Limited: the
// container has a limit of its own, as well as the pod.
//
// The container is the application's, with its cgroup and its box, and the process that
// samples is beside it in a cgroup of its own under the same pod: in the same one it
// would be throttled with the hog, and every request of the pod would be late because
// nobody sent it. What is measured so is what the data plane does to others, and to the
// pod's own traffic while its container is out of hand.
func (l *Lab) Misbehave(pod string, kind hog.Kind, limited bool) (note string, behave func() (string, error), err error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return "", nil, l.unknownPod(pod)
	}
	w := hogWall(kind, limited)
	group, err := l.groups.of(p, containerApp, w)
	if err != nil {
		return "", nil, at("cgroup", pod, err)
	}
	if group == nil {
		return "", nil, &fault.NotEnforceableError{Why: "there are no cgroups to give an application a container with"}
	}
	argv := []string{l.bin("bulkhead"), "hog", string(kind)}
	if kind == hog.OfMemory {
		argv = append(argv, "--most", strconv.Itoa(hogMost))
	}
	run := l.inApplication(p, program{name: "hog " + pod, argv: argv})
	run.box.cgroups = group.Dirs()
	c, err := l.start(run)
	if err != nil {
		return "", nil, err
	}
	if err := c.expend(); err != nil {
		c.kill()
		return "", nil, err
	}
	return fmt.Sprintf("%s (pid %d) in the container of %s, %s", strings.Join(argv[1:3], " "), c.pid, pod, w), func() (string, error) { return endHog(c) }, nil
}

// endHog says whether the kernel ended it before: there a limit did its work.
func endHog(c *process) (string, error) {
	if errors.Is(unix.Kill(c.pid, 0), unix.ESRCH) {
		<-c.ended // it has been reaped, which is a moment before it is said
	}
	if !c.hasEnded() {
		c.stop(hogGrace)
		return "it has been ended", nil
	}
	c.kill()
	if !c.killed() {
		return "", at("hog", c.name, c.failure())
	}
	return "the kernel had killed it", nil
}
