package anchor

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// livedFor has a keeper end that was started that long ago, and returns the delay
// before the next.
func livedFor(t *testing.T, a *anchor, d time.Duration) time.Duration {
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
	a.keeper = &keeper{conn: conn, started: time.Now().Add(-d)}
	a.keeperExited(unix.WaitStatus(unix.SIGKILL))
	if a.keeper != nil || a.stopping {
		t.Errorf("keeper %v, stopping %t after its end", a.keeper, a.stopping)
	}
	return a.delay
}

func TestRestartDelays(t *testing.T) {
	a := &anchor{
		o:       Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}.withDefaults(),
		restart: stoppedTimer(), deadline: stoppedTimer(),
	}
	defer a.restart.Stop()
	const ms = time.Millisecond
	for i, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms} {
		if got := livedFor(t, a, time.Second); got != want {
			t.Errorf("delay %d is %s, want %s", i, got, want)
		}
	}
	if got := livedFor(t, a, 31*time.Second); got != 100*ms {
		t.Errorf("after a long life the delay is %s, want 100ms", got)
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
