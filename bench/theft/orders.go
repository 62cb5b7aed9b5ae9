package theft

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft/attack"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// observerPort is below the first port that forged packets go to, one for each.
const observerPort = 20_000

// orders are who is who in the lab, for the thief of a subject.
func orders(l *lab.Lab, r *trust.Record, s *trust.Subject, by string) (attack.Orders, error) {
	t := l.Topology()
	o := attack.Orders{
		By: by, Culprit: r.Culprit, Group: []string{r.Culprit}, CA: l.Sockets()[lab.CA],
		FirstPort: observerPort, Lives: r.Culprit, Proxy: itsProxy, Ports: portsOf(s.Isolation),
	}
	if s.Isolation == lab.Sidecar && by == trust.ByCell {
		o.Token = l.SidecarToken(r.Culprit)
	}
	observer := observerOf(t, r.Culprit)
	o.Observer, o.Observer6 = observer.IPv4, observer.IPv6
	for i, p := range t.Pods {
		o.Workloads = append(o.Workloads, attack.Workload{
			Name: p.Name(), Identity: r.Workloads[i].Identity, Address: p.IPv4, Address6: p.IPv6, Netns: l.NetnsPath(p.Name()),
		})
	}
	for _, p := range s.Processes {
		switch mine := slices.Contains(p.Pods, r.Culprit); {
		case mine && by == trust.ByApplication:
			o.Processes = append(o.Processes, attack.Process{Name: itsProxy, PID: p.PID})
			continue
		case mine:
			o.Group, o.Lives = p.Pods, p.Powers.Netns
			if p.Powers.Calls > 0 {
				o.Calls = jail.Spec{Caps: p.Powers.Capabilities}.SystemCalls()
			}
			continue
		}
		o.Processes = append(o.Processes, attack.Process{Name: p.Name, PID: p.PID})
	}
	for _, part := range lab.Parts {
		for _, p := range l.Control(part) {
			o.Processes = append(o.Processes, attack.Process{Name: p.Name, PID: p.PID})
		}
	}
	o.Processes = append(o.Processes, attack.Process{Name: "lab", PID: os.Getpid()})
	for _, a := range l.Applications() {
		if by == trust.ByApplication && slices.Contains(a.Pods, r.Culprit) {
			continue
		}
		o.Processes = append(o.Processes, attack.Process{Name: a.Name, PID: a.PID})
	}
	o.Files = filesOf(l, &o)
	var err error
	o.Allowed, o.Denied, err = destinations(t, r.Culprit)
	return o, err
}

// itsProxy is what an application calls the process that serves it.
const itsProxy = "its proxy"

// portsOf are those on which the proxy listens inside the pod.
func portsOf(isolation string) []uint16 {
	ports := redirect.NodePorts
	if isolation == lab.Sidecar {
		ports = redirect.SidecarPorts
	}
	return []uint16{ports.Outbound, ports.Plaintext, ports.HBONE}
}

// observerOf is the sentinel on the culprit's node, where the fewest routers are in a
// forged packet's way, or any.
func observerOf(t lab.Topology, culprit string) lab.Pod {
	c, _ := t.Pod(culprit)
	for _, s := range t.Sentinels {
		if s.Node == c.Node {
			return s
		}
	}
	return t.Sentinels[0]
}

// filesOf are the files and sockets of everybody but the thief itself. Those of control are
// there for everybody, and what they answer is tried elsewhere.
func filesOf(l *lab.Lab, o *attack.Orders) (all []attack.File) {
	add := func(owner, path string, socket bool) {
		if path != o.Token && !(socket && slices.Contains([]string{"socket of " + lab.CA, "socket of " + lab.Discovery}, owner)) {
			all = append(all, attack.File{Path: path, Owner: owner, Socket: socket})
		}
	}
	secrets := l.Secrets()
	for _, owner := range slices.Sorted(maps.Keys(secrets)) {
		for _, path := range secrets[owner] {
			add("files of "+owner, path, false)
		}
	}
	sockets := l.Sockets()
	for _, owner := range slices.Sorted(maps.Keys(sockets)) {
		add("socket of "+owner, sockets[owner], true)
	}
	return all
}

// destinations are a workload that the culprit may ask, and those that policy denies it,
// each with a neighbour that may.
func destinations(t lab.Topology, culprit string) (allowed, forbidden []attack.Destination, err error) {
	c, _ := t.Pod(culprit)
	for _, p := range t.Pods {
		d := attack.Destination{Workload: p.Name(), Address: netip.AddrPortFrom(p.IPv4, lab.PagePort)}
		id, err := identityOf(t, p)
		if err != nil {
			return nil, nil, err
		}
		d.Identity = id.String()
		switch {
		case !denied(t, c, p):
			if len(allowed) == 0 && p.Namespace != c.Namespace {
				allowed = append(allowed, d)
			}
			continue
		case !letIn(t, c, p, &d):
			return nil, nil, fmt.Errorf("policy lets nobody ask %s", p.Name())
		}
		forbidden = append(forbidden, d)
	}
	return allowed, forbidden, nil
}

// letIn finds a neighbour that policy lets ask a pod: on another node, where the thief's own
// cell does not serve it.
func letIn(t lab.Topology, culprit, to lab.Pod, d *attack.Destination) bool {
	for _, p := range t.Pods {
		if p.Node == culprit.Node || p.Name() == to.Name() || denied(t, p, to) || denied(t, culprit, p) {
			continue
		}
		id, err := identityOf(t, p)
		if err != nil || id.String() == d.Identity {
			continue
		}
		d.As, d.AsUID, d.Source = id.String(), p.Name(), p.IPv4
		return true
	}
	return false
}
