package fault

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// links write down what was done to them.
type links struct {
	mu          sync.Mutex
	log         []string
	fail, lasts error // of Impair; of Heal, once
}

func (l *links) Impair(_ context.Context, node string, i wire.Impairment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, node+": "+i.String())
	return l.fail
}

func (l *links) Heal(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, "heal")
	err := l.lasts
	l.lasts = nil
	return errors.Join(err, ctx.Err())
}

func (l *links) did() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.log, "; ")
}

func linked(l *links) (Target, chan string) {
	to, _ := target(nil, nil)
	to.Links = l
	saw := make(chan string, 100)
	to.Saw = func(_ int64, note string) { saw <- note }
	return to, saw
}

// Each fault of a link does to the culprit's node what it says, and is healed by its end
// or by its undo, once.
func TestFaultsOfLinks(t *testing.T) {
	for _, c := range []struct {
		f    Timed
		does string
	}{
		{Partition, "nothing passes"},
		{Latency, "packets arrive 50ms later"},
		{Loss, "3 % of packets are lost"},
		{MTU, "packets above 1000 bytes are lost"},
	} {
		for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
			l := &links{}
			to, saw := linked(l)
			f := c.f.For(lasts)
			if f.(Lasting).Lasts() != lasts || f.Name() != c.f.Name() {
				t.Errorf("%s for %v: %+v", c.f.Name(), lasts, f)
			}
			done, err := f.Inject(t.Context(), to)
			if err != nil || done.At != 1000 || !strings.Contains(done.Note, c.does) || !strings.Contains(f.Describe(to), c.does) {
				t.Fatalf("%s: %+v, %v", f.Name(), done, err)
			}
			if lasts < time.Hour {
				<-saw // it ends by itself
			}
			called, cancel := context.WithCancel(t.Context())
			cancel() // a drill that was called off undoes all the same
			if err := done.Undo(called); err != nil {
				t.Error(err)
			}
			if want := "node-1: " + c.does + "; heal"; l.did() != want {
				t.Errorf("%s: %s, want %s", f.Name(), l.did(), want)
			}
		}
	}
}

func TestScaledLinks(t *testing.T) {
	for _, c := range []struct {
		f    Fault
		does string
	}{
		{Latency.Times(0), "everything passes"}, {Latency.Times(4), "packets arrive 200ms later"},
		{Loss.Times(0), "everything passes"}, {Loss.Times(8), "24 % of packets are lost"},
	} {
		l := &links{}
		to, _ := linked(l)
		done, err := c.f.Inject(t.Context(), to)
		if err != nil || done.Undo(t.Context()) != nil || !strings.HasPrefix(l.did(), "node-1: "+c.does+";") {
			t.Errorf("%s, want %s", l.did(), c.does)
		}
	}
}

// A flapping link goes and comes, and ends up healed.
func TestFlap(t *testing.T) {
	l := &links{}
	to, saw := linked(l)
	f := Flap
	f.beat, f.lasts = time.Millisecond, time.Hour
	done, err := f.Inject(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"everything passes", "nothing passes", "everything passes"} {
		if got := <-saw; got != want {
			t.Errorf("then %q, want %q", got, want)
		}
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if did := l.did(); !strings.HasPrefix(did, "node-1: nothing passes; node-1: everything passes; node-1: nothing passes;") || !strings.HasSuffix(did, "; heal") {
		t.Error(did)
	}
}

// What cannot be impaired is an error at once; what could not be healed is tried again
// by the undo.
func TestLinksThatFail(t *testing.T) {
	lost := errors.New("lost")
	to, _ := linked(&links{fail: &NotEnforceableError{Why: "no tap"}})
	var cannot *NotEnforceableError
	if _, err := Latency.Inject(t.Context(), to); !errors.As(err, &cannot) {
		t.Errorf("error %v, want that it is not enforceable", err)
	}
	l := &links{lasts: lost}
	to, saw := linked(l)
	done, err := Partition.For(time.Millisecond).Inject(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if note := <-saw; note != "not healed: lost" {
		t.Errorf("note %q", note)
	}
	if err := done.Undo(t.Context()); err != nil || !strings.HasSuffix(l.did(), "; heal; heal") {
		t.Errorf("%s, %v", l.did(), err)
	}
}
