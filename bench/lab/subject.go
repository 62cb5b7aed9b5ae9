package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Isolations that the lab can place.
const (
	None           = "none"
	Sidecar        = "sidecar"
	PerWorkload    = "workload"
	ServiceAccount = "service-account"
	Namespace      = "namespace"
	Shared         = "shared"
)

// Isolations is every isolation, from nothing to everything shared.
var Isolations = []string{None, Sidecar, PerWorkload, ServiceAccount, Namespace, Shared}

// Who keeps the listening sockets of a node's pods.
const (
	CustodyAnchor = "anchor" // connections wait while a cell is away
	CustodyCell   = "cell"   // they are refused, as with ztunnel
)

// BudgetsOff lets every workload of a cell use what it likes, as ztunnel does.
const BudgetsOff = "off"

// Policy is how long a thing that died stays dead: Initial, times Factor for each
// death that follows soon, at most Max.
type Policy struct {
	Initial time.Duration
	Factor  float64
	Max     time.Duration
}

// Kubelet is the back-off of a kubelet for containers, 10 s doubling up to 300 s,
// times scale: a drill of a minute cannot wait for the real one.
func Kubelet(scale float64) Policy {
	s := func(d time.Duration) time.Duration { return time.Duration(scale * float64(d)) }
	return Policy{Initial: s(10 * time.Second), Factor: 2, Max: s(300 * time.Second)}
}

// Equal is the same delay at each death, whatever died.
func Equal(d time.Duration) Policy { return Policy{Initial: d, Factor: 1, Max: d} }

// KeeperPolicy is how a keeper restarts its cells when nobody says otherwise.
var KeeperPolicy = Policy{Initial: 500 * time.Millisecond, Factor: 2, Max: time.Minute}

// KeeperPatience is how long a keeper that pings waits at least before it kills a cell that
// stands still: it misses three pings, a second apart, and the first may come at once.
const KeeperPatience = 2 * time.Second

// Delay is the wait before restart n; the first is 0.
func (p Policy) Delay(n int) time.Duration {
	d := float64(p.Initial)
	for ; n > 0 && d < float64(p.Max); n-- {
		d *= p.Factor
	}
	return min(time.Duration(d), p.Max)
}

func (p Policy) validate() error {
	if p.Initial <= 0 || p.Factor < 1 || p.Max < p.Initial {
		return fmt.Errorf("restart policy %+v: initial must be positive, factor at least 1, max at least initial", p)
	}
	return nil
}

// Subject is a data plane under test: what is placed, and how it comes back.
type Subject struct {
	Name      string // of the row
	Isolation string // one of Isolations
	Custody   string // of a node's isolations; empty: CustodyAnchor
	Liveness  bool   // the keeper pings its cells
	Budgets   string // BudgetsOff, or empty: on, with their defaults
	Restart   Policy // of containers, by the lab's kubelet: sidecars, node proxies whose anchor died
	Cells     Policy // of cells, by their keeper; zero: KeeperPolicy

	// Bin is where the executables of a node's data plane are, of another build perhaps;
	// empty: beside the lab's own.
	Bin string
	// Transport is what carries tunnels: OverQUIC, or empty: HTTP/2 alone.
	Transport string
	// Pool is PoolOff, or empty: streams share tunnels. Only of a node's isolations.
	Pool string
	// Stressed raises a node's limits above what a load needs that no application makes.
	Stressed bool
}

// PoolOff has every connection pay for a tunnel of its own.
const PoolOff = "off"

// What carries tunnels. Over QUIC means that peers go over to it when they have heard of each
// other over HTTP/2.
const (
	OverHTTP2 = "http2"
	OverQUIC  = "quic"
)

// Transports are all of them.
var Transports = []string{OverHTTP2, OverQUIC}

// Over is the subject with its tunnels over a transport. None has no tunnels.
func (s Subject) Over(transport string) (Subject, error) {
	switch {
	case !slices.Contains(Transports, transport):
		return s, &Misuse{fmt.Sprintf("transport %q is not known: use one of %s", transport, strings.Join(Transports, ", "))}
	case transport == OverQUIC && s.Isolation != None:
		s.Transport, s.Name = OverQUIC, s.Name+" over QUIC"
	}
	return s, nil
}

// NodeSubject is a subject of one of the isolations that live on a node, with all
// defences: custody with the anchor, liveness on, cells restarted by their keeper.
func NodeSubject(isolation string, kubelet Policy) Subject {
	return Subject{Name: isolation, Isolation: isolation, Custody: CustodyAnchor, Liveness: true, Restart: kubelet, Cells: KeeperPolicy}
}

// SharedAsZtunnel is shared as ztunnel is: listening sockets die with the process,
// nobody pings it, and a kubelet restarts it.
func SharedAsZtunnel(kubelet Policy) Subject {
	return Subject{Name: "shared (as ztunnel)", Isolation: Shared, Custody: CustodyCell, Budgets: BudgetsOff, Restart: kubelet, Cells: kubelet}
}

// SubjectOf is the usual subject of an isolation.
func SubjectOf(isolation string, kubelet Policy) (Subject, error) {
	switch {
	case !slices.Contains(Isolations, isolation):
		return Subject{}, &Misuse{fmt.Sprintf("isolation %q is not known: use one of %s", isolation, strings.Join(Isolations, ", "))}
	case isolation == None || isolation == Sidecar:
		return Subject{Name: isolation, Isolation: isolation, Restart: kubelet}, nil
	}
	return NodeSubject(isolation, kubelet), nil
}

// OnNode reports whether the data plane runs as one proxy per node.
func (s Subject) OnNode() bool { return s.Isolation != None && s.Isolation != Sidecar }

func (s Subject) validate() error {
	if _, err := SubjectOf(s.Isolation, s.Restart); err != nil {
		return err
	}
	if s.Isolation == None {
		return nil
	}
	if s.Custody != "" && s.Custody != CustodyAnchor && s.Custody != CustodyCell {
		return fmt.Errorf("custody %q: use %s or %s", s.Custody, CustodyAnchor, CustodyCell)
	}
	if s.Budgets != "" && s.Budgets != BudgetsOff {
		return fmt.Errorf("budgets %q: leave it empty or use %s", s.Budgets, BudgetsOff)
	}
	if s.Transport != "" && s.Transport != OverQUIC {
		return fmt.Errorf("transport %q: leave it empty or use %s", s.Transport, OverQUIC)
	}
	if s.Pool != "" && s.Pool != PoolOff {
		return fmt.Errorf("pool %q: leave it empty or use %s", s.Pool, PoolOff)
	}
	if err := s.Restart.validate(); err != nil {
		return err
	}
	if s.OnNode() && s.Cells != (Policy{}) {
		return s.Cells.validate()
	}
	return nil
}
