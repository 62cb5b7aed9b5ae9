package proxy

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

const (
	// failuresInARow set an endpoint aside. One may be chance, and so may two.
	failuresInARow = 3
	// shortAside is how long the first time; each time doubles it, up to longAside.
	shortAside  = 5 * time.Second
	longAside   = 160 * time.Second
	forgetAfter = 10 * time.Minute
	// maxFailing bounds what is remembered. Endpoints come and go, and those that went
	// while they failed are never heard of again.
	maxFailing = 1024
)

// aside is what one workload remembers of endpoints that failed it. Endpoints that
// keep failing are set aside: not chosen for a while, by this workload. Others of the
// cell find out for themselves: what fails one may serve another (a policy, a route, a
// budget), and nobody's word about an endpoint should count for somebody else.
//
// At most half of a service's endpoints are set aside, and never the only one: with so
// many failing it is rather this end that is cut off, and the others would get the
// load of all. When the time is over one connection tries the endpoint, while others
// still stay away: a thousand that try at once would be a thousand that wait for it.
type aside struct {
	of    string // UID
	log   *slog.Logger
	count *telemetry.Counters
	mu    sync.Mutex
	known map[endpointKey]*failing
}

// endpointKey is an endpoint as long as it is the same one: an address belongs to
// another workload tomorrow.
type endpointKey struct {
	workload string
	address  netip.AddrPort
}

func keyOf(e *mesh.Endpoint) endpointKey { return endpointKey{e.Workload, e.Address} }

// failing is an endpoint that failed when it was tried last.
type failing struct {
	row   int       // failures in a row
	why   error     // the last one
	last  time.Time // when that was
	times int       // how often in a row it was set aside; 0: it is not
	until time.Time // it is not chosen before
	trial bool      // the time was over and somebody tries it, who has until then to say how it went
}

// choose picks the endpoint for a try. Those that were tried are out of question;
// those that are set aside are chosen only when nothing else is left.
func (s *aside) choose(a *mesh.Answer, tried []int, now time.Time) int {
	if len(a.Endpoints) == 1 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := a.Choose(func(i int) bool { return slices.Contains(tried, i) || s.away(&a.Endpoints[i], now) }, rand.Uint64N)
	if i < 0 {
		return a.Choose(func(i int) bool { return slices.Contains(tried, i) }, rand.Uint64N)
	}
	if f := s.known[keyOf(&a.Endpoints[i])]; f != nil && f.times > 0 {
		f.trial, f.until = true, now.Add(openTimeout)
	}
	return i
}

// away says whether an endpoint is not to be chosen now.
func (s *aside) away(e *mesh.Endpoint, now time.Time) bool {
	if len(s.known) == 0 {
		return false
	}
	f := s.known[keyOf(e)]
	return f != nil && now.Before(f.until)
}

// worked forgets that an endpoint failed.
func (s *aside) worked(a *mesh.Answer, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &a.Endpoints[i]
	f := s.known[keyOf(e)]
	if f == nil {
		return
	}
	delete(s.known, keyOf(e))
	if f.times > 0 {
		s.log.Info("endpoint is back", "workload", s.of, "service", a.Service, "endpoint", e.Address.String(), "peer.workload", e.Workload)
	}
}

// untold is for a try that says nothing about its endpoint.
func (s *aside) untold(a *mesh.Answer, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.known[keyOf(&a.Endpoints[i])]; f != nil && f.trial {
		f.trial, f.until = false, time.Time{}
	}
}

// failed notes a failure, and sets the endpoint aside if that is one too many.
func (s *aside) failed(a *mesh.Answer, i int, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &a.Endpoints[i]
	f := s.known[keyOf(e)]
	if f == nil {
		f = s.remember(keyOf(e))
	}
	f.row++
	f.why, f.last = err, now
	trial := f.trial
	f.trial = false
	switch {
	case trial:
	case f.times > 0: // one that began before, or that had no other choice
		return
	case f.row < failuresInARow || s.asideOf(a) >= mayBeAside(len(a.Endpoints)):
		return
	}
	long := longAside
	if f.times < 16 {
		long = min(shortAside<<f.times, longAside)
	}
	f.times++
	s.count.SetAside.Add(1)
	f.until = now.Add(long)
	s.log.Warn("endpoint set aside", "workload", s.of, "service", a.Service, "endpoint", e.Address.String(), "peer.workload", e.Workload, "failures", f.row, "for", long, "error", err)
}

// Aside is an endpoint that is set aside.
type Aside struct {
	Workload string         `json:"workload,omitempty"` // UID
	Address  netip.AddrPort `json:"address"`
	Failures int            `json:"failures"` // in a row
	Until    time.Time      `json:"until"`    // then the next connection tries it
	Error    string         `json:"error"`    // the last
}

// Aside lists the endpoints that the workload has set aside.
func (w *Workload) Aside() []Aside {
	var list []Aside
	w.aside.each(time.Now(), func(k endpointKey, f *failing) {
		list = append(list, Aside{Workload: k.workload, Address: k.address, Failures: f.row, Until: f.until, Error: f.why.Error()})
	})
	slices.SortFunc(list, func(a, b Aside) int { return a.Address.Compare(b.Address) })
	return list
}

// CountAside is how many those are.
func (w *Workload) CountAside() int { return w.aside.size(time.Now()) }

func (s *aside) size(now time.Time) (n int) {
	s.each(now, func(endpointKey, *failing) { n++ })
	return n
}

// each yields what is set aside, and forgets what nobody has tried for long: it is gone,
// or nobody wants it.
func (s *aside) each(now time.Time, yield func(endpointKey, *failing)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, f := range s.known {
		if f.times > 0 && now.Before(f.until) {
			yield(k, f)
		} else if now.Sub(f.last) > forgetAfter && now.Sub(f.until) > forgetAfter {
			delete(s.known, k)
		}
	}
}

// mayBeAside is how many of n endpoints may be set aside.
func mayBeAside(n int) int { return min((n+1)/2, n-1) }

// asideOf is how many of an answer's endpoints are set aside.
func (s *aside) asideOf(a *mesh.Answer) int {
	n := 0
	for i := range a.Endpoints {
		if f := s.known[keyOf(&a.Endpoints[i])]; f != nil && f.times > 0 {
			n++
		}
	}
	return n
}

func (s *aside) remember(k endpointKey) *failing {
	if s.known == nil {
		s.known = map[endpointKey]*failing{}
	}
	for old := range s.known { // any: which is as good as another, and this happens to nobody
		if len(s.known) < maxFailing {
			break
		}
		delete(s.known, old)
	}
	f := &failing{}
	s.known[k] = f
	return f
}
