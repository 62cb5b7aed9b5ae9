package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

const crowdGrace = 15 * time.Second // its share of the CPU is small, and it has many connections to close

// crowdWall keeps each process of a crowd from taking the machine, which the other pods
// share with it: what it takes of them it shall take by way of the data plane.
var crowdWall = wall{memory: 512 << 20, cpu: 0.25}

// Crowd starts noise around a pod and says what, so many times its usual self; 0 times
// is none. Each of its processes has a cgroup of its own.
func (l *Lab) Crowd(_ context.Context, pod string, kind crowd.Kind, times int) (note string, err error) {
	p, ok := l.topology.Pod(pod)
	switch {
	case !ok:
		return "", l.unknownPod(pod)
	case len(l.topology.Sentinels) == 0:
		return "", at("crowd", pod, errors.New("nobody is outside of the mesh"))
	case times < 0 || times > crowd.MaxTimes:
		return "", &Misuse{fmt.Sprintf("a crowd %d times its usual self: use 0 to %d", times, crowd.MaxTimes)}
	}
	if _, err := l.Disperse(); err != nil || times == 0 {
		return "nobody comes", err
	}
	members, err := l.members(p, kind, times)
	if err != nil {
		return "", err
	}
	var noise []*process
	var said []string
	for _, m := range members {
		c, err := l.crowdProcess(m)
		if err != nil {
			disperse(noise)
			return "", err
		}
		noise = append(noise, c)
		said = append(said, fmt.Sprintf("%s (pid %d)", m, c.pid))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noise = noise
	return strings.Join(said, ", "), nil
}

func (l *Lab) crowdProcess(m crowdMember) (*process, error) {
	group, err := l.groups.of(m.in, "crowd", m.wall)
	if err != nil {
		return nil, at("cgroup", m.in.Name(), err)
	}
	return l.start(program{
		name: "crowd " + m.role + " " + m.in.Name(), argv: append([]string{l.bin("bulkhead"), "crowd", m.role}, m.args...),
		ns: l.fabric.pods[m.in.Name()], group: group,
	})
}

// Disperse ends the noise, if there is any, and says what came of it. A crowd that went
// away by itself is an error: the drill would have measured silence.
func (l *Lab) Disperse() (note string, err error) {
	l.mu.Lock()
	noise := l.noise
	l.noise = nil
	l.mu.Unlock()
	return disperse(noise)
}

// disperse ends the sinks last, which are started first: to the others it would look as
// if the data plane had failed.
func disperse(noise []*process) (note string, err error) {
	var errs []error
	var said []string
	for i := len(noise) - 1; i >= 0; i-- {
		p := noise[i]
		if p.hasEnded() {
			errs = append(errs, at("crowd", p.name, p.failure()))
		}
		p.stop(crowdGrace)
		if words := lastLine(p.log); words != "" {
			said = append(said, p.name+": "+words)
		}
	}
	return strings.Join(said, ", "), errors.Join(errs...)
}

func lastLine(log string) string {
	lines := strings.Split(lastWords(log), " | ")
	return lines[len(lines)-1]
}
