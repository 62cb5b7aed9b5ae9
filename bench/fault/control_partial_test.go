package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
)

// pair is two replicas on paper, and proxies that go on from one that is gone to the other,
// if they can.
type pair struct {
	plane
	pushes

	at       sync.Mutex
	gone     map[string]bool // parts
	from     map[string]string
	stuck    bool // proxies stay where they are
	sent     []string
	revivals []string
}

func newPair() *pair {
	p := &pair{gone: map[string]bool{}, from: map[string]string{"n1": PartReplica, "n2": PartReplica, "n3": PartDiscovery}}
	p.hears = p.all
	return p
}

var pids = map[string]int{PartDiscovery: 11, PartReplica: 12}

func (p *pair) Processes(part string) ([]Process, error) {
	if pids[part] == 0 {
		return nil, fmt.Errorf("no part %s", part)
	}
	return []Process{{part, pids[part]}}, nil
}

func (p *pair) Revive(_ context.Context, part string) error {
	p.at.Lock()
	defer p.at.Unlock()
	p.revivals = append(p.revivals, part)
	p.gone[part] = false
	return nil
}

func (p *pair) PushNotice(round int) (map[string]string, error) { return p.pushes.PushNotice(round) }

func (p *pair) signal(pid int, s syscall.Signal) error {
	p.at.Lock()
	defer p.at.Unlock()
	for part, n := range pids {
		if n == pid {
			p.gone[part] = s != syscall.SIGCONT
			p.sent = append(p.sent, fmt.Sprintf("%v to %s", s, part))
		}
	}
	return nil
}

// all moves who is with a part that is gone, and says what each proxy knows.
func (p *pair) all() (out []Hearing) {
	p.at.Lock()
	defer p.at.Unlock()
	for _, proxy := range []string{"n1", "n2", "n3"} {
		other := map[string]string{PartDiscovery: PartReplica, PartReplica: PartDiscovery}[p.from[proxy]]
		if p.gone[p.from[proxy]] && !p.gone[other] && !p.stuck {
			p.from[proxy] = other
		}
		h := Hearing{Proxy: proxy, From: p.from[proxy], Generations: map[string]string{"a/x": "old"}}
		if !p.gone[h.From] {
			h.Generations["a/x"] = fmt.Sprint(p.notices)
		}
		out = append(out, h)
	}
	return out
}

// The busier replica is stopped, and killed is the other one when the first is back; a proxy that a push
// does not reach is found, and the end is as the beginning.
func TestControlPartial(t *testing.T) {
	for name, stuck := range map[string]bool{"fail over": false, "stay": true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair()
			p.stuck = stuck
			to, _ := target(nil, nil)
			to.Control, to.Pushes, to.Signal = p, p, p.signal
			to.Saw = func(int64, string) {}
			done, err := ControlPartial.Inject(t.Context(), to)
			if err != nil || !strings.Contains(done.Note, "2 of 3 proxies") {
				t.Fatalf("%s: %+v, %v", name, done, err)
			}
			if err := done.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			want := []string{"stopped (signal) to " + PartReplica, "continued to " + PartReplica, "killed to " + PartDiscovery}
			if !slices.Equal(p.sent, want) || !slices.Equal(p.revivals, []string{PartDiscovery}) || p.pushes.lifted != 1 {
				t.Errorf("%s: sent %q, revived %v, lifted %d times", name, p.sent, p.revivals, p.pushes.lifted)
			}
			violated := map[bool][]int64{false: {0, 0}, true: {2, 1}}[stuck]
			for i, c := range done.Checks() {
				if c.Tried != 3 || c.Violated != violated[i] {
					t.Errorf("%s: %+v, want %d", name, c, violated[i])
				}
			}
		})
	}
}

// Where no proxy is with a replica, or none tells what it judges by, nothing was shown.
func TestControlPartialOfNobody(t *testing.T) {
	p := newPair()
	p.hears = func() []Hearing { return []Hearing{{Proxy: "n1"}} }
	to, _ := target(nil, nil)
	to.Control, to.Pushes, to.Signal = p, p, p.signal
	if _, err := ControlPartial.Inject(t.Context(), to); err == nil || len(p.sent) > 0 {
		t.Errorf("%v, sent %q", err, p.sent)
	}
	var h hearing
	h.check.Violated = 1
	if h.count(nil, 0); h.check.Violated == 0 {
		t.Error("nobody is enough")
	}
	if judgesBy(map[string]string{"a/x": "1"})(Hearing{Proxy: "n1"}) {
		t.Error("who tells nothing is believed")
	}
}

// A push that fails leaves no replica stopped or killed.
func TestControlPartialWithoutAPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.pushes.fail = errors.New("full")
		to, _ := target(nil, nil)
		to.Control, to.Pushes, to.Signal = p, p, p.signal
		to.Saw = func(int64, string) {}
		done, err := ControlPartial.Inject(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if err := done.Undo(t.Context()); !errors.Is(err, p.pushes.fail) || p.gone[PartReplica] || p.gone[PartDiscovery] {
			t.Errorf("%v, gone %v", err, p.gone)
		}
	})
}

// Who refuses and does not say so is found, and so is a push of the other type that does
// not come into force.
func TestTypeRejected(t *testing.T) {
	for name, c := range map[string]struct {
		silent, stubborn, late bool
		violated               []int64 // of each check
	}{
		"as it should be":         {violated: []int64{0, 0, 0, 0}},
		"says nothing":            {silent: true, violated: []int64{1, 0, 0, 0}},
		"the other type as well":  {stubborn: true, violated: []int64{0, 1, 0, 0}},
		"connects again, no more": {late: true, violated: []int64{0, 0, 0, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var p plane
			var pushed pushes
			p.hears = func() []Hearing {
				h := Hearing{Proxy: "n1", Generations: map[string]string{"a/x": "old"}}
				if pushed.notices > 0 && !c.late {
					h.Generations["a/x"] = fmt.Sprint(pushed.notices)
				}
				if n := len(p.misstated); n > 0 && p.misstated[n-1] && !c.silent {
					h.Refused = "p: an action that nobody knows"
				}
				return []Hearing{h}
			}
			s := &shop{stubborn: c.stubborn}
			to, _ := target([]Process{{"cell", 1}}, nil)
			to.Control, to.Pushes, to.Saw = &p, &pushed, func(int64, string) {}
			to.Vacancy = func() (Vacancy, error) { return s, nil }
			done, err := TypeRejected.Inject(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			if err := done.Undo(t.Context()); err != nil || s.lifted != 1 || pushed.lifted != 1 || !slices.Equal(p.misstated, []bool{true, false}) {
				t.Errorf("%s: %v, lifted %d times, misstated %v", name, err, s.lifted, p.misstated)
			}
			for i, x := range done.Checks() {
				if x.Tried != 1 || x.Violated != c.violated[i] {
					t.Errorf("%s: %+v, want %d", name, x, c.violated[i])
				}
			}
		})
	}
	to, _ := target(nil, nil)
	var none *NothingServesError
	if _, err := TypeRejected.Inject(t.Context(), to); !errors.As(err, &none) {
		t.Errorf("where nothing serves: %v", err)
	}
}
