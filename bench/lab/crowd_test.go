package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A crowd fills the pod with connections to its sink, and nothing of it is left when it
// is dispersed; one that went away by itself is told.
func TestCrowd(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	pod := "tenant-a/checkout"
	established := func() int {
		n, err := connectionsTo(l.fabric.pods[pod], sinkPort)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	note, err := l.Crowd(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(note, fmt.Sprint(crowdConnections)) || !strings.Contains(note, pod) {
		t.Errorf("note %q", note)
	}
	eventually(t, "the crowd is there", func() bool { return established() == crowdConnections })
	if err := l.Disperse(); err != nil {
		t.Error(err)
	}
	eventually(t, "nobody is left", func() bool { return established() == 0 })
	if err := l.Disperse(); err != nil {
		t.Errorf("when there is none: %v", err)
	}
	if _, err := l.Crowd(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(l.noise.client.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-l.noise.client.ended
	if err := l.Disperse(); err == nil {
		t.Error("a crowd that was killed is not missed")
	}
	var misuse *Misuse
	if _, err := l.Crowd(t.Context(), "nobody"); !errors.As(err, &misuse) {
		t.Errorf("a crowd in no pod: %v", err)
	}
}

// connectionsTo counts established connections of a namespace to a port.
func connectionsTo(n *netns.Namespace, port uint16) (count int, err error) {
	err = n.Do(func() error {
		count = 0
		b, err := os.ReadFile("/proc/thread-self/net/tcp")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", port)) && f[3] == "01" {
				count++
			}
		}
		return nil
	})
	return count, err
}
