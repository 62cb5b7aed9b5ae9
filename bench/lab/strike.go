package lab

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// order is a fault of the data plane's own, as its interface has it.
type order struct {
	Name string        `json:"name"`
	For  time.Duration `json:"for"`
}

// Strike has the data plane that serves a pod fail from inside: by its keeper, or for
// a sidecar by its file of orders and a signal.
func (l *Lab) Strike(ctx context.Context, pod, name string, lasts time.Duration) error {
	d := l.dataPlane()
	if d == nil || d.serving[pod] == nil {
		return nil
	}
	p, _ := l.topology.Pod(pod)
	o := order{name, lasts}
	if d.subject.OnNode() {
		body := map[string]any{"workload": pod, "order": o}
		return at("strike", pod, d.admins[p.Node].call(ctx, http.MethodPost, "/faults", body, nil))
	}
	b, err := json.Marshal(o)
	if err != nil {
		return at("strike", pod, err)
	}
	if err := os.WriteFile(l.faultsFile(p), b, 0o644); err != nil {
		return at("strike", pod, err)
	}
	return at("strike", pod, unix.Kill(d.serving[pod].pid(), unix.SIGUSR1))
}

// Calm takes back an order that still stands.
func (l *Lab) Calm(ctx context.Context, pod string) error {
	d := l.dataPlane()
	if d == nil || d.serving[pod] == nil {
		return nil
	}
	p, _ := l.topology.Pod(pod)
	if d.subject.OnNode() {
		return at("calm", pod, d.admins[p.Node].call(ctx, http.MethodDelete, "/faults?workload="+url.QueryEscape(pod), nil, nil))
	}
	err := os.Remove(l.faultsFile(p))
	if os.IsNotExist(err) {
		return nil
	}
	return at("calm", pod, err)
}

// faultsFile is where a pod's sidecar reads orders.
func (l *Lab) faultsFile(p Pod) string { return l.podFile(p.Name(), "faults") }
