package lab

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMoves: a pod of the lab moves through every isolation while another asks it for
// its page, on new connections; every move is shown, and nothing is left at the end.
func TestMoves(t *testing.T) {
	if !inside(t) {
		return
	}
	dense, err := Dense(2)
	if err != nil {
		t.Fatal(err)
	}
	worker.Topology = dense
	l := upLab(t, nil)
	pod := dense.Pods[0].Name()
	var misuse *Misuse
	if _, err := l.Move(t.Context(), pod, Sidecar); !errors.As(err, &misuse) {
		t.Errorf("without a node proxy: %v", err)
	}
	if err := l.Place(t.Context(), NodeSubject(Shared, Kubelet(1))); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][2]string{{"nobody", Sidecar}, {pod, "sidecars"}} {
		if _, err := l.Move(t.Context(), wrong[0], wrong[1]); !errors.As(err, &misuse) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	for _, to := range []string{Sidecar, PerWorkload, Sidecar, Sidecar, Shared, None, Namespace, None, Sidecar, None} {
		moves(t, l, pod, to)
	}
	if err := l.Displace(t.Context()); err != nil {
		t.Error(err)
	}
}

// moves moves a pod under requests. A pod outside of the mesh is asked only when its
// peers have been told.
func moves(t *testing.T, l *Lab, pod, to string) {
	t.Helper()
	outside := to == None || l.hasLeft(pod)
	asked, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	if !outside {
		asking.Go(func() { askAll(t, asked, l, pod, to) })
	}
	if _, err := l.Move(t.Context(), pod, to); err != nil {
		t.Errorf("to %s: %v", to, err)
	}
	cancel()
	asking.Wait()
	eventually(t, "the pod is reached under "+to, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return l.Ask(ctx, "peer/b", pod) == nil
	})
	for _, p := range l.Status().Pods {
		if p.Name == pod && p.isolation(l.Status()) != to {
			t.Errorf("moved to %s, shown as %s: %+v", to, p.isolation(l.Status()), p)
		}
	}
}

func askAll(t *testing.T, ctx context.Context, l *Lab, pod, to string) {
	for ctx.Err() == nil {
		if err := l.Ask(ctx, "peer/b", pod); err != nil && ctx.Err() == nil && !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("while it moved to %s: %v", to, err)
		}
	}
}
