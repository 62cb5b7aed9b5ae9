package anchor

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// end has a keeper end that was started that long ago.
func end(t *testing.T, a *anchor, lived time.Duration, status unix.WaitStatus) {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	conn, err := channel.New(ours)
	if err != nil {
		t.Fatal(err)
	}
	a.keeper = &keeper{conn: conn, started: time.Now().Add(-lived)}
	a.keeperExited(status)
	if a.keeper != nil || a.stopping {
		t.Errorf("keeper %v, stopping %t after its end", a.keeper, a.stopping)
	}
}

func idleAnchor(t *testing.T) *anchor {
	a := &anchor{
		o:       Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}.withDefaults(),
		restart: stoppedTimer(), deadline: stoppedTimer(),
	}
	t.Cleanup(func() { a.restart.Stop() })
	return a
}

const (
	ms     = time.Millisecond
	killed = unix.WaitStatus(unix.SIGKILL)
)

// Keepers that die at once are started ever more rarely; one that lived ends that.
func TestStartsAreSpaced(t *testing.T) {
	a := idleAnchor(t)
	for i, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2000 * ms, 2000 * ms} {
		if end(t, a, 10*ms, killed); a.spacing != want {
			t.Errorf("spacing %d is %s, want %s", i, a.spacing, want)
		}
	}
	if end(t, a, 31*time.Second, killed); a.spacing != 100*ms {
		t.Errorf("after a long life the spacing is %s", a.spacing)
	}
	end(t, a, ms, killed)
	if end(t, a, ms, 0); a.spacing != 100*ms {
		t.Errorf("after a keeper that made room the spacing is %s", a.spacing)
	}
}

// A keeper that is killed every five seconds is away for no time at all, for ever: a
// cell's question waits five seconds, and no absence may come near that.
func TestAKeeperThatWorkedIsFollowedAtOnce(t *testing.T) {
	a := idleAnchor(t)
	for range 20 {
		if got := a.absence(5 * time.Second); got != 0 {
			t.Errorf("after a life of 5 s the keeper is away for %s", got)
		}
	}
	for lived, want := range map[time.Duration]time.Duration{
		0: 2000 * ms, 500 * ms: 1500 * ms, 2 * time.Second: 0, 5 * time.Second: 0,
	} {
		if got := a.absence(lived); got != want {
			t.Errorf("after a life of %s the keeper is away for %s, want %s", lived, got, want)
		}
	}
}

func TestOptionDefaults(t *testing.T) {
	o := Options{RestartMin: time.Minute, MaxHeld: 1 << 40}.withDefaults()
	if o.RestartMax != time.Minute {
		t.Errorf("RestartMax %s is below RestartMin", o.RestartMax)
	}
	if o.MaxHeld > openLimit()-spareDescriptors {
		t.Errorf("MaxHeld %d, and %d may be open", o.MaxHeld, openLimit())
	}
	if o.Grace != 15*time.Second || o.MaxProcesses != 4096 || o.Stderr == nil || o.KeeperEnv == nil {
		t.Errorf("defaults %+v", o)
	}
}
