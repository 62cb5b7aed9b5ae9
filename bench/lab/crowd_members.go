package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

const sinkPort = 9100

// What a crowd is at its usual strength. Eight times that is far above every budget of
// a workload (proxy/budget), and once is below all of them: a sweep crosses them.
const (
	mixConnections    = 2000
	mixHandshakes     = 250 // per second; this one is above its budget at once
	bulkConnections   = 4
	bulkPace          = 8 << 20 // bytes per second and connection
	stormConnections  = 150     // per second; eight times is what cost a ztunnel two CPUs
	stormHandshakes   = 100     // per second
	halfOpenHandshake = 1250
	slowReaders       = 64
)

// crowdMember is one process of a crowd.
type crowdMember struct {
	role string // of `bulkhead crowd`
	in   Pod
	args []string
	wall wall
}

// String is for people.
func (m crowdMember) String() string {
	return fmt.Sprintf("%s in %s %v", m.role, m.in.Name(), m.args)
}

// members are the processes of a crowd, those first that the others need.
func (l *Lab) members(p Pod, kind crowd.Kind, times int) ([]crowdMember, error) {
	outside := l.topology.Sentinels[len(l.topology.Sentinels)-1]
	door := netip.AddrPortFrom(p.IPv4, redirect.HBONEPort)
	switch kind {
	case crowd.Mix:
		return []crowdMember{
			sinkIn(outside, "--each", strconv.Itoa(256<<10)),
			clientIn(p, sinkOf(outside), crowd.Mixed, times*mixConnections),
			paceIn(outside, "greeter", door, times*mixHandshakes),
		}, nil
	case crowd.Bulk:
		return []crowdMember{
			sinkIn(outside, "--pace", strconv.Itoa(bulkPace)),
			clientIn(p, sinkOf(outside), crowd.Eager, times*bulkConnections),
		}, nil
	case crowd.Connections:
		return []crowdMember{sinkIn(outside, "--each", "1"), paceIn(p, "storm", sinkOf(outside), times*stormConnections)}, nil
	case crowd.Handshakes:
		return []crowdMember{paceIn(outside, "greeter", door, times*stormHandshakes)}, nil
	case crowd.HalfOpen:
		return []crowdMember{clientIn(outside, door, crowd.Half, times*halfOpenHandshake)}, nil
	case crowd.Burst: // in no hurry it would fill no queue: it has what CPU there is, for a moment
		m := clientIn(outside, door, crowd.Half, times*halfOpenHandshake)
		m.wall.cpu = 0
		return []crowdMember{m}, nil
	case crowd.SlowReaders:
		return []crowdMember{sinkIn(p), clientIn(l.clientOf(p), sinkOf(p), crowd.Slow, times*slowReaders)}, nil
	}
	return nil, &Misuse{fmt.Sprintf("crowd %q is not known", kind)}
}

// clientOf is a pod that asks p anyway, so that what it asks goes through the tunnel
// that others have in use; without one, somebody outside of the mesh.
func (l *Lab) clientOf(p Pod) Pod {
	i := slices.IndexFunc(l.topology.Edges, func(e Edge) bool { return e.To == p.Name() })
	if i < 0 {
		return l.topology.Sentinels[len(l.topology.Sentinels)-1]
	}
	client, _ := l.topology.Pod(l.topology.Edges[i].From)
	return client
}

func sinkIn(p Pod, args ...string) crowdMember {
	return crowdMember{"sink", p, append([]string{"--listen", fmt.Sprintf(":%d", sinkPort)}, args...), crowdWall}
}

func sinkOf(p Pod) netip.AddrPort { return netip.AddrPortFrom(p.IPv4, sinkPort) }

func clientIn(p Pod, to netip.AddrPort, m crowd.Manner, n int) crowdMember {
	return crowdMember{"client", p, []string{"--to", to.String(), "--manner", string(m), "--connections", strconv.Itoa(n)}, crowdWall}
}

func paceIn(p Pod, role string, to netip.AddrPort, perSecond int) crowdMember {
	return crowdMember{role, p, []string{"--to", to.String(), "--per-second", strconv.Itoa(perSecond)}, crowdWall}
}
