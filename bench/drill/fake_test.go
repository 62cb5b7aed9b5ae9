package drill

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

var byValue = []cmp.Option{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLab answers every planned request on its plan's clock. What serves the
// culprit has a pid that can be killed; while it is away, flows with a served end
// are refused, or wait when the sockets are in custody.
type fakeLab struct {
	Lab     // nil: what no test needs
	top     lab.Topology
	base    time.Time
	records chan load.Record
	started time.Duration // how long the data plane needs to start

	mu      sync.Mutex
	subject *lab.Subject // nil: nothing is placed
	dead    map[string]bool
	from    int64 // death, by the samplers' clocks
	until   int64 // back
	stop    context.CancelFunc
	flows   sync.WaitGroup
	log     []string
	lost    int64
	loses   int64         // with each load
	hole    bool          // what a policy denies is admitted
	skew    time.Duration // how far the samplers' clocks are ahead
	blind   bool          // the machine cannot be read

	placeErr error
	refuse   func(f lab.Flow, planned int64) string // class, or empty
	swallow  func(f lab.Flow, seq int) bool
}

func newFakeLab() *fakeLab {
	return &fakeLab{top: lab.Default(), base: time.Now(), records: make(chan load.Record, 1024), started: 80 * time.Millisecond}
}

func (l *fakeLab) AdminSockets() []string { return nil }

func (l *fakeLab) Issue(context.Context, time.Duration) error { return nil }

func (l *fakeLab) Replicate(context.Context, bool) error { return nil }

const pid = 4711

func (l *fakeLab) now() int64 { return int64(time.Since(l.base)) + int64(time.Hour) }

func (l *fakeLab) Place(ctx context.Context, s lab.Subject) error {
	l.log = append(l.log, "place "+s.Name)
	time.Sleep(time.Second)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subject, l.dead, l.from, l.until = &s, nil, 0, 0
	return errors.Join(l.placeErr, ctx.Err())
}

func (l *fakeLab) Displace(context.Context) error {
	l.log = append(l.log, "displace")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subject = nil
	return nil
}

func (l *fakeLab) DataPlane(pod string) ([]lab.Proc, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subject == nil || l.subject.Isolation == lab.None {
		return nil, nil
	}
	return []lab.Proc{{PID: pid, Role: "cell", Name: pod}}, nil
}

func (l *fakeLab) Usage() (lab.Usage, error) {
	p := lab.ProcUsage{Proc: lab.Proc{PID: pid, Role: "cell", Name: "cell"}, PSS: 3 << 20, Private: 2 << 20, CPU: time.Duration(l.now() / 100)}
	return lab.Usage{At: l.now(), Procs: []lab.ProcUsage{p}}, nil
}

// Machine has two CPUs, one of them idle.
func (l *fakeLab) Machine() (lab.Machine, error) {
	if l.blind {
		return lab.Machine{}, errors.New("no /proc/stat")
	}
	return lab.Machine{At: l.now(), CPUs: 2, Idle: time.Duration(l.now())}, nil
}

func (l *fakeLab) kill(p int, s syscall.Signal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p != pid || s != syscall.SIGKILL {
		return errors.New("not what is served")
	}
	run := plan(testParams(*l.subject), l.top, "x", time.Now())
	l.dead = served(run, *l.subject)
	l.from = l.now() + int64(l.skew)
	l.until = l.from + int64(restartDelay(*l.subject)+l.started)
	l.log = append(l.log, "kill")
	return nil
}

func (l *fakeLab) StartLoad(_ context.Context, at int64, flows []lab.Flow) error {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	for _, f := range flows {
		l.flows.Go(func() { l.send(ctx, at, f) })
	}
	return nil
}

func (l *fakeLab) StopLoad(context.Context) error {
	l.log = append(l.log, "stop")
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
	l.flows.Wait()
	l.lost += l.loses
	return nil
}

func (l *fakeLab) Records() <-chan load.Record { return l.records }

// Clocks are answered a millisecond after they were asked for, read half-way.
func (l *fakeLab) Clocks(context.Context) (all []lab.Clock, _ error) {
	for _, p := range l.top.All() {
		asked := l.now()
		time.Sleep(time.Millisecond)
		told := l.now()
		all = append(all, lab.Clock{Workload: p.Name(), Asked: asked, At: (asked+told)/2 + int64(l.skew), Told: told})
	}
	return all, nil
}

func (l *fakeLab) Lost() int64 { return l.lost }

// send is one flow. A reused one breaks once when its data plane dies.
func (l *fakeLab) send(ctx context.Context, at int64, f lab.Flow) {
	var broken int64
	for k := 0; ; k++ {
		planned := at + int64(f.Offset) + int64(k)*int64(f.Period)
		select {
		case <-time.After(time.Duration(planned - l.now())):
		case <-ctx.Done():
			return
		}
		if l.swallow != nil && l.swallow(f, k) {
			continue
		}
		if from := l.death(f); f.Kind == load.Reused && from > broken {
			broken = from
			l.records <- load.Record{Flow: f.ID, Seq: load.Break, Planned: from, Sent: from, Done: from, Error: load.EOF}
		}
		r := l.answer(f, planned)
		r.Flow, r.Seq, r.Planned, r.Sent = f.ID, k, planned, planned
		l.flows.Go(func() { // answers may overtake each other
			time.Sleep(time.Duration(r.Done - l.now()))
			l.records <- r
		})
	}
}

// death is when the data plane of a flow died last.
func (l *fakeLab) death(f lab.Flow) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.affected(f) {
		return l.from
	}
	return 0
}

// affected: the caller holds mu. What a pod says to itself never meets the data plane.
func (l *fakeLab) affected(f lab.Flow) bool {
	return f.Target != loopback && (l.dead[f.From] || l.dead[l.serverOf(f)])
}

// denies: nothing else than what the topology forbids.
func (l *fakeLab) denies(f lab.Flow) bool {
	return !l.hole && slices.ContainsFunc(l.top.Denied, func(e lab.Edge) bool { return e.From == f.From && l.top.Target(e) == f.Target })
}

func (l *fakeLab) serverOf(f lab.Flow) string {
	for _, p := range l.top.Pods {
		if p.IPv4 == f.Target.Addr() || p.IPv6 == f.Target.Addr() {
			return p.Name()
		}
	}
	return ""
}

func (l *fakeLab) answer(f lab.Flow, planned int64) load.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	quick := load.Record{Done: planned + int64(2*time.Millisecond), Peer: f.ExpectPeer.String()}
	if l.refuse != nil {
		if class := l.refuse(f, planned); class != "" {
			return load.Record{Done: planned + int64(time.Millisecond), Error: class}
		}
	}
	switch {
	case l.denies(f):
		return load.Record{Done: planned + int64(time.Millisecond), Error: load.Reset}
	case !l.affected(f) || planned < l.from || planned >= l.until:
		return quick
	case l.subject.OnNode() && l.subject.Custody != lab.CustodyCell:
		quick.Done = l.until + int64(2*time.Millisecond)
		return quick
	}
	return load.Record{Done: planned + int64(time.Millisecond), Error: load.Refused}
}

// drillOn makes a drill that lives on the fake's clock and signals.
func drillOn(l *fakeLab, p Params, show Progress) *Drill {
	d := New(p, show)
	d.now, d.signal = l.now, l.kill
	return d
}

// judged reads a record back and judges it.
func judged(t *testing.T, dir string) (*measure.Run, *measure.Result) {
	t.Helper()
	run, records, err := measure.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	res, err := measure.Judge(run, records)
	if err != nil {
		t.Fatal(err)
	}
	return run, res
}
