package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

const (
	crowdConnections = 2000
	sinkPort         = 9100
	crowdGrace       = 2 * time.Second
)

// A crowd is the noise of one pod: the two processes of package crowd.
type crowd struct{ client, sink *process }

// crowdWall keeps a crowd from taking the machine, which the other pods share with it:
// what it takes of them it shall take by way of the data plane.
var crowdWall = wall{memory: 512 << 20, cpu: 0.25}

// Crowd starts noise: a client in the pod, and its other end beside the last sentinel,
// which is outside of the mesh. Each has a cgroup of its own.
func (l *Lab) Crowd(_ context.Context, pod string) (note string, err error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return "", l.unknownPod(pod)
	}
	if len(l.topology.Sentinels) == 0 {
		return "", at("crowd", pod, errors.New("nobody is outside of the mesh"))
	}
	if err := l.Disperse(); err != nil {
		return "", err
	}
	outside := l.topology.Sentinels[len(l.topology.Sentinels)-1]
	door := netip.AddrPortFrom(p.IPv4, redirect.HBONEPort)
	sink, err := l.crowdProcess(outside, "crowd's sink", "--listen", fmt.Sprintf(":%d", sinkPort), "--flood", door.String())
	if err != nil {
		return "", err
	}
	to := netip.AddrPortFrom(outside.IPv4, sinkPort)
	client, err := l.crowdProcess(p, "crowd "+pod, "--to", to.String(), "--connections", strconv.Itoa(crowdConnections))
	if err != nil {
		sink.kill()
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noise = &crowd{client, sink}
	return fmt.Sprintf("%d connections to %v from pid %d in %s, handshakes at %v", crowdConnections, to, client.pid, pod, door), nil
}

func (l *Lab) crowdProcess(p Pod, name string, args ...string) (*process, error) {
	group, err := l.groups.of(p, "crowd", crowdWall)
	if err != nil {
		return nil, at("cgroup", p.Name(), err)
	}
	return l.start(program{name: name, argv: append([]string{l.bin("bulkhead"), "crowd"}, args...), ns: l.fabric.pods[p.Name()], group: group})
}

// Disperse ends the noise, if there is any. A crowd that went away by itself is an
// error: the drill would have measured silence.
func (l *Lab) Disperse() error {
	l.mu.Lock()
	c := l.noise
	l.noise = nil
	l.mu.Unlock()
	if c == nil {
		return nil
	}
	var errs []error
	for _, p := range []*process{c.client, c.sink} {
		if p.hasEnded() {
			errs = append(errs, at("crowd", p.name, p.failure()))
		}
		p.stop(crowdGrace)
	}
	return errors.Join(errs...)
}
