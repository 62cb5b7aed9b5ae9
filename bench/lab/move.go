package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// away is a pod whose cell is not on its node any more.
type away struct {
	sidecar *container // nil: it left the mesh
}

// Move has a pod's keeper move it to another isolation, live, and returns what the
// keeper says. What a keeper cannot do is the lab's part, as a cluster's: it starts
// and ends the sidecar, and it tells the mesh that a pod has left.
func (l *Lab) Move(ctx context.Context, pod, to string) (json.RawMessage, error) {
	p, ok := l.topology.Pod(pod)
	d := l.dataPlane()
	switch {
	case !ok:
		return nil, l.unknownPod(pod)
	case d == nil || !d.subject.OnNode():
		return nil, &Misuse{"this lab has no node proxy that could move workloads: start one with: bulkhead lab up --isolation shared"}
	case to != "" && !slices.Contains(Isolations, to):
		_, err := SubjectOf(to, Policy{})
		return nil, err
	}
	l.moving.Lock()
	defer l.moving.Unlock()
	before, next := l.away(d, pod), (*away)(nil)
	switch to {
	case Sidecar:
		if before != nil && before.sidecar != nil {
			next = before
			break
		}
		next = &away{sidecar: l.sidecar(p, d.subject)}
		if err := next.sidecar.start(ctx); err != nil {
			next.sidecar.stop()
			return nil, at("move", pod, err)
		}
		d.keep(next.sidecar)
	case None:
		next = &away{}
		err := l.announce(d, pod, next)
		if err == nil {
			err = d.awaitPlaintext(ctx, pod) // peers stop to make tunnels
		}
		if err != nil {
			return nil, errors.Join(at("move", pod, err), l.announce(d, pod, before))
		}
	}
	var moved json.RawMessage
	err := d.admins[p.Node].call(ctx, http.MethodPost, "/move", map[string]string{"uid": pod, "isolation": to}, &moved)
	if err != nil {
		if next != before {
			next.end()
		}
		return nil, errors.Join(at("move", pod, err), l.announce(d, pod, before))
	}
	err = l.announce(d, pod, next)
	if before != next {
		before.end()
	}
	return moved, err
}

// end ends the sidecar that served until now: it drains.
func (a *away) end() {
	if a == nil || a.sidecar == nil {
		return
	}
	a.sidecar.leave()
	a.sidecar.stop()
}

func (l *Lab) away(d *dataPlane, pod string) *away {
	l.mu.Lock()
	defer l.mu.Unlock()
	return d.away[pod]
}

// announce writes down where a pod is, and the mesh as it is then.
func (l *Lab) announce(d *dataPlane, pod string, a *away) error {
	l.mu.Lock()
	delete(d.away, pod)
	if a != nil {
		d.away[pod] = a
	}
	gone := map[string]bool{}
	for name, a := range d.away {
		gone[name] = a.sidecar == nil
	}
	l.mu.Unlock()
	_, err := l.ChangeMesh(func(f *mesh.File) {
		for i := range f.Workloads {
			if gone[f.Workloads[i].UID] {
				f.Workloads[i].Protocol = mesh.TCP
			}
		}
	})
	return err
}

// tellTimeout is more than a push takes on a machine that is busy.
const tellTimeout = 20 * time.Second

// awaitPlaintext returns when every keeper knows that nobody makes tunnels to a pod any more.
// Until then those of its peers would be refused.
func (d *dataPlane) awaitPlaintext(ctx context.Context, pod string) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	tick := time.NewTicker(10 * pollInterval) // it is all of the mesh
	defer tick.Stop()
	for node, a := range d.admins {
		for !a.knowsPlaintext(ctx, pod) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%s has not heard that it leaves the mesh: %w", node, ctx.Err())
			}
		}
	}
	return nil
}

// knowsPlaintext says whether a keeper's mesh says so; one that does not answer has to be asked again.
func (a *nodeAdmin) knowsPlaintext(ctx context.Context, pod string) bool {
	var dump admin.Dump
	err := a.call(ctx, http.MethodGet, "/config_dump", nil, &dump)
	return err == nil && slices.ContainsFunc(dump.Workloads, func(w admin.DumpWorkload) bool {
		return w.UID == pod && w.Protocol == mesh.TCP.String()
	})
}

// comeBack ends the sidecars of moves, and tells the mesh that nobody has left it.
func (l *Lab) comeBack(d *dataPlane) error {
	l.mu.Lock()
	all := d.away
	d.away = map[string]*away{}
	l.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	for _, a := range all {
		if a.sidecar != nil {
			a.sidecar.stop()
		}
	}
	if _, err := l.ChangeMesh(func(*mesh.File) {}); err != nil {
		return fmt.Errorf("mesh: %w", err)
	}
	return nil
}
