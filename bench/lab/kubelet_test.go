package lab

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKubeletRestarts: what a kubelet starts comes back, after its delay and not
// before, and serves again.
func TestKubeletRestarts(t *testing.T) {
	if !inside(t) {
		return
	}
	const delay = 300 * time.Millisecond
	events := make(chan Event, 64)
	l := upLab(t, func(e Event) { events <- e })
	for _, s := range []Subject{
		{Name: Sidecar, Isolation: Sidecar, Restart: Equal(delay)},
		NodeSubject(Shared, Equal(delay)),
	} {
		t.Run(s.Name, func(t *testing.T) {
			if err := l.Place(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				victim, name := rootOf(t, l, "tenant-a/checkout")
				if err := unix.Kill(victim, unix.SIGKILL); err != nil {
					t.Fatal(err)
				}
				died := await(t, events, EventExit, name)
				if back := await(t, events, EventRestart, name); back.At-died.At < int64(delay) {
					t.Errorf("restarted after %v", time.Duration(back.At-died.At))
				}
				await(t, events, EventServing, name)
				if now, _ := rootOf(t, l, "tenant-a/checkout"); now == victim || now == 0 {
					t.Errorf("pid %d after %d", now, victim)
				}
			}
			runLoad(t, l, edgeFlows(l.Topology()), 2)
			if err := l.Displace(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// rootOf is the process of which the kubelet knows that serves a pod.
func rootOf(t *testing.T, l *Lab, pod string) (pid int, name string) {
	t.Helper()
	c := l.dataPlane().serving[pod]
	return c.pid(), c.name
}

func await(t *testing.T, events <-chan Event, kind, name string) Event {
	t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case e := <-events:
			t.Logf("%+v", e)
			if e.Kind == kind && e.Name == name {
				return e
			}
		case <-timeout:
			t.Fatalf("no event %s of %s", kind, name)
		}
	}
}

// TestKeeperRestartsCells: a cell's death is its keeper's business, and DataPlane
// finds the new one.
func TestKeeperRestartsCells(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	if err := l.Place(t.Context(), NodeSubject(PerWorkload, Kubelet(1))); err != nil {
		t.Fatal(err)
	}
	const pod = "tenant-a/checkout"
	serving, err := l.DataPlane(pod)
	if err != nil || len(serving) != 1 || serving[0].Role != RoleCell {
		t.Fatalf("%+v, %v", serving, err)
	}
	if err := unix.Kill(serving[0].PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another cell serves the pod", func() bool {
		now, err := l.DataPlane(pod)
		return err == nil && len(now) == 1 && now[0].PID != serving[0].PID
	})
	runLoad(t, l, edgeFlows(l.Topology())[:4], 2)
}
