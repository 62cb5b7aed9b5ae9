package lab

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
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
	note, err := l.Crowd(t.Context(), pod, crowd.Mix, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(note, fmt.Sprint(mixConnections)) || !strings.Contains(note, pod) {
		t.Errorf("note %q", note)
	}
	eventually(t, "the crowd is there", func() bool { return established() == mixConnections })
	// The kernel has made a connection before its client comes to count it.
	made := regexp.MustCompile(`[1-9]\d* of 2\d{3} made`) // a busy machine refuses some at first
	if note, err := l.Disperse(); err != nil || !made.MatchString(note) {
		t.Errorf("%q, %v", note, err)
	}
	eventually(t, "nobody is left", func() bool { return established() == 0 })
	if _, err := l.Disperse(); err != nil {
		t.Errorf("when there is none: %v", err)
	}
	if note, err := l.Crowd(t.Context(), pod, crowd.Mix, 0); err != nil || l.noise != nil || note != "nobody comes" {
		t.Errorf("0 times: %q, %v, %d processes", note, err, len(l.noise))
	}
	if _, err := l.Crowd(t.Context(), pod, crowd.Bulk, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(l.noise[1].pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-l.noise[1].ended
	if _, err := l.Disperse(); err == nil {
		t.Error("a crowd that was killed is not missed")
	}
	var misuse *Misuse
	for _, wrong := range []func() (string, error){
		func() (string, error) { return l.Crowd(t.Context(), "nobody", crowd.Mix, 1) },
		func() (string, error) { return l.Crowd(t.Context(), pod, "choir", 1) },
		func() (string, error) { return l.Crowd(t.Context(), pod, crowd.Mix, crowd.MaxTimes+1) },
	} {
		if _, err := wrong(); !errors.As(err, &misuse) {
			t.Errorf("it came: %v", err)
		}
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
