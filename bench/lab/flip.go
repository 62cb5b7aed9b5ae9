package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Flip is one flow, of a pod to the first server that it asks, which pushes of the mesh
// forbid and allow again.
type Flip struct {
	lab    *Lab
	edge   Edge
	pushes int
}

// NewFlip changes nothing yet.
func (l *Lab) NewFlip(pod string) (*Flip, error) {
	i := slices.IndexFunc(l.topology.Edges, func(e Edge) bool { return e.From == pod })
	if i < 0 {
		return nil, &NobodyAskedError{pod}
	}
	return &Flip{lab: l, edge: l.topology.Edges[i]}, nil
}

func (f *Flip) String() string { return f.edge.From + " to " + f.edge.To }

// Push changes the mesh, and returns the generation of the server's policies in it. No two
// pushes have the same one: the policy has another name each time.
func (f *Flip) Push(denied bool) (generation string, err error) {
	f.pushes++
	p := f.lab.topology.denial(0, f.edge)
	p.Name = fmt.Sprintf("flip-%d", f.pushes)
	p.DryRun = !denied
	var s *mesh.Snapshot
	_, err = f.lab.ChangeMesh(func(file *mesh.File) {
		file.Policies = append(file.Policies, p)
		s, err = mesh.New(*file, 1)
	})
	if err != nil {
		return "", at("flip", f.String(), err)
	}
	w, _ := s.Workload(f.edge.To)
	return s.Policies(w).Generation, nil
}

// Lift takes the policy back.
func (f *Flip) Lift() error {
	_, err := f.lab.ChangeMesh(func(*mesh.File) {})
	return err
}

// NoReportError is a data plane that does not say by which policies it judges.
type NoReportError struct{ Pod string }

func (e *NoReportError) Error() string {
	return "nobody says by which policies the connections of " + e.Pod + " are judged: place it on a node"
}

// InForce is the generation by which the server's cell judges, as it says itself.
func (f *Flip) InForce(ctx context.Context) (string, error) {
	server, _ := f.lab.topology.Pod(f.edge.To)
	d := f.lab.dataPlane()
	if d == nil || d.admins[server.Node] == nil {
		return "", &NoReportError{f.edge.To}
	}
	cells, err := d.admins[server.Node].cells(ctx)
	if err != nil {
		return "", at("flip", f.edge.To, err)
	}
	for _, c := range cells {
		if p, ok := c.Policies[f.edge.To]; ok {
			return p.InForce, nil
		}
	}
	return "", &NoReportError{f.edge.To}
}

// Try makes a connection of its own, captured as any other, and says whether a request on
// it was answered.
func (f *Flip) Try(ctx context.Context) (answered bool, err error) {
	return f.lab.ask(ctx, f.edge.From, f.lab.topology.Target(f.edge))
}

// ask makes a connection from a pod, and says whether a request on it was answered.
func (l *Lab) ask(ctx context.Context, from string, to netip.AddrPort) (answered bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	c, err := l.fabric.pods[from].Dial(ctx, netns.DialOptions{Remote: to})
	if err != nil {
		return false, nil // the reset of a refusal may meet the dial
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	return load.Ask(c, "asked by the lab") == nil, ctx.Err()
}
