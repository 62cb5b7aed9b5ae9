package cell

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// settings are the runtime's, read without changing them.
func settings() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

func wantSettings(t *testing.T, when string, percent int, limit int64) {
	t.Helper()
	if p, l := settings(); p != percent || l != limit {
		t.Errorf("%s: GC percent %d, limit %d; want %d, %d", when, p, l, percent, limit)
	}
}

// A limit that the keeper sets meanwhile counts when the cell wakes; a lower one at once.
func TestTheDozeKeepsTheLimit(t *testing.T) {
	var c collector
	defer func() { c.wake(); c.setMemoryLimit(0) }()
	wantSettings(t, "before", 100, math.MaxInt64)
	c.sleep()
	wantSettings(t, "dozing", -1, dozeLimit)
	c.setMemoryLimit(100 << 20)
	wantSettings(t, "more memory", -1, dozeLimit)
	c.setMemoryLimit(5 << 20)
	wantSettings(t, "hardly any", -1, 5<<20)
	c.setMemoryLimit(200 << 20)
	if got := c.memoryLimit(); got != 200<<20 {
		t.Errorf("limit %d", got)
	}
	c.wake()
	wantSettings(t, "awake", 100, 200<<20)
	c.wake()
	wantSettings(t, "still awake", 100, 200<<20)
}

// Whatever a connection begins with ends the doze.
func TestWhatWakesACell(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T){
		"a destination is asked for": func(t *testing.T) {
			o := &oracle{answer: func(int64) (mesh.Answer, error) { return mesh.Answer{Kind: mesh.NotMesh, Version: 1}, nil }}
			if _, err := newResolver(o, "a/web").Resolve(t.Context(), somewhere); err != nil {
				t.Fatal(err)
			}
		},
		"a handshake": func(t *testing.T) {
			i := &issuing{Keys: issuer.New(identity.ID{}, nil, issuer.Options{})}
			_, _ = i.SVID()
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer collection.wake()
			collection.doze()
			happens(t)
			if collection.dozing.Load() {
				t.Error("it dozes on")
			}
		})
	}
	t.Run("a collection", func(t *testing.T) {
		defer collection.wake()
		collection.doze()
		for deadline := time.Now().Add(30 * time.Second); collection.dozing.Load(); {
			if time.Now().After(deadline) {
				t.Fatal("it dozes on")
			}
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	})
	if carried(map[string]telemetry.Counts{"a": {}}) || !carried(map[string]telemetry.Counts{"a": {}, "b": {Opened: 1}}) {
		t.Error("plaintext that comes in is not told from nothing")
	}
}

// A dozing cell does not look at its memory; a limit that nobody reaches is looked at
// from the first connection on.
func TestADozingCellDoesNotLook(t *testing.T) {
	collection.setMemoryLimit(1 << 30)
	collection.sleep()
	defer func() { collection.wake(); collection.setMemoryLimit(0) }()
	m := newMemory()
	defer m.stop()
	if m.begun || m.look == nil {
		t.Errorf("it looks: %+v", m)
	}
	collection.wake()
	m.begin()
	if !m.begun {
		t.Error("it does not look")
	}
	select {
	case <-m.look:
	case <-time.After(30 * time.Second):
		t.Error("nothing comes")
	}
}
