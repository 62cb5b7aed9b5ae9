package lab

import (
	"context"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// Replicate has the mesh served by two, or by one. Only what is placed from now on knows of
// the second, so it is for a lab in which nothing is placed. It runs where it is asked for:
// a drill that measures what control costs has one, as always.
func (l *Lab) Replicate(ctx context.Context, two bool) error {
	l.mu.Lock()
	l.doubled = two
	l.mu.Unlock()
	switch there := len(l.Control(Replica)) > 0; {
	case two && !there:
		return l.startControl(ctx, Replica)
	case there && !two:
		l.controller(Replica).stop(controlGrace)
	}
	return nil
}

// servers are the parts that serve the mesh.
func (l *Lab) servers() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubled {
		return []string{Discovery, Replica}
	}
	return []string{Discovery}
}

// addressOf is where proxies find a part that serves the mesh.
func (l *Lab) addressOf(part string) string { return "unix://" + l.socketOf(part) }

// Misstate starts the mesh's server anew, and has it say policies in a form that no proxy
// can use; false: as they should be said.
func (l *Lab) Misstate(ctx context.Context, wrong bool) error {
	if !wrong {
		return l.Revive(ctx, Discovery)
	}
	l.controller(Discovery).kill()
	return l.startControl(ctx, Discovery, "--misstate-policies")
}

// Hearing is what a proxy says of who serves its mesh, and of what it knows.
type Hearing struct {
	Proxy       string            // node, or pod with a sidecar
	From        string            // the part that it has its mesh from; empty: none that the lab knows
	Silent      string            // why it hears nothing; empty: it does
	Refused     string            // what of the newest it refuses
	Generations map[string]string // of the policies that are in force, by pod
}

// Hearings are those of all proxies, asked as an operator would.
func (l *Lab) Hearings(ctx context.Context) (all []Hearing, err error) {
	for _, socket := range l.AdminSockets() {
		var who admin.Node
		if err := admin.New(socket).Call(ctx, "GET", "/who", nil, &who); err != nil {
			return nil, at("hearing", socket, err)
		}
		all = append(all, l.hearing(who))
	}
	return all, nil
}

func (l *Lab) hearing(who admin.Node) Hearing {
	h := Hearing{Proxy: who.Node, Silent: who.Mesh.Error, Refused: who.Mesh.Refused, Generations: map[string]string{}}
	for _, part := range l.servers() {
		if who.Mesh.Source == l.addressOf(part) {
			h.From = part
		}
	}
	for _, c := range who.Cells {
		for _, w := range c.Workloads {
			h.Generations[w.UID] = w.Generation
			if who.Isolation == Sidecar {
				h.Proxy = w.UID
			}
		}
	}
	return h
}
