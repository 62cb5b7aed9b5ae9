package cell

import (
	"context"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

const (
	// unknownWait is how long a connection waits for a destination that is not
	// known yet (ztunnel waits as long for its own workload).
	unknownWait = 5 * time.Second
	// maxAnswers bounds what one workload can make its cell remember, in endpoints: an
	// answer counts as one and its endpoints, of which it has 64 at most.
	maxAnswers = 4096
)

// resolver caches the feed's answers for one workload until they are invalidated.
type resolver struct {
	feed Feed
	uid  string

	mu      sync.Mutex
	answers map[netip.AddrPort]mesh.Answer
	size    int           // of answers, see maxAnswers
	oldest  uint64        // answers of older snapshots are worthless
	changed chan struct{} // closed and replaced at every invalidation
}

func newResolver(f Feed, uid string) *resolver {
	return &resolver{feed: f, uid: uid, answers: map[netip.AddrPort]mesh.Answer{}, changed: make(chan struct{})}
}

// Resolve implements proxy.Resolver. An Unknown is asked again after the next
// invalidation, and becomes an error when the wait is over.
func (r *resolver) Resolve(ctx context.Context, dst netip.AddrPort) (mesh.Answer, error) {
	collection.wake()
	ctx, cancel := context.WithTimeoutCause(ctx, unknownWait, proxy.ErrUnknownDestination)
	defer cancel()
	for {
		a, ok, changed := r.cached(dst)
		if ok {
			return a, nil
		}
		a, err := r.feed.Resolve(ctx, r.uid, dst)
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return a, err
		}
		if a.Kind != mesh.Unknown && r.keep(dst, a) {
			return a, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return a, context.Cause(ctx)
		}
	}
}

func (r *resolver) cached(dst netip.AddrPort) (mesh.Answer, bool, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.answers[dst]
	return a, ok, r.changed
}

// keep remembers an answer unless a newer snapshot exists already; then the answer
// must be asked for again, and the channel that cached gave is closed.
func (r *resolver) keep(dst netip.AddrPort, a mesh.Answer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Version < r.oldest {
		return false
	}
	if r.size+sizeOf(a) > maxAnswers {
		r.forget(func(netip.AddrPort, mesh.Answer) bool { return true }) // rare, and dearer bookkeeping would not make it rarer
	}
	if old, ok := r.answers[dst]; ok {
		r.size -= sizeOf(old)
	}
	r.answers[dst] = a
	r.size += sizeOf(a)
	return true
}

func sizeOf(a mesh.Answer) int { return 1 + len(a.Endpoints) }

// forget drops the answers that which says.
func (r *resolver) forget(which func(netip.AddrPort, mesh.Answer) bool) {
	maps.DeleteFunc(r.answers, func(dst netip.AddrPort, a mesh.Answer) bool {
		if !which(dst, a) {
			return false
		}
		r.size -= sizeOf(a)
		return true
	})
}

// invalidate forgets answers older than version. Zero means that another keeper
// answers from now on, whose versions begin anew. One version may come twice, for some
// addresses and for the workload itself: to have seen it says nothing of what is left.
func (r *resolver) invalidate(version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(func(_ netip.AddrPort, a mesh.Answer) bool { return version == 0 || a.Version < version })
	if version != 0 {
		version = max(version, r.oldest)
	}
	r.renew(version)
}

// outdate forgets the answers for some addresses. An answer to any question that is
// older and still on its way is asked for once more: to tell them apart is not worth
// remembering every address that was ever outdated.
func (r *resolver) outdate(version uint64, addresses []netip.Addr) {
	if len(addresses) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := make(map[netip.Addr]bool, len(addresses))
	for _, a := range addresses {
		gone[a] = true
	}
	r.forget(func(dst netip.AddrPort, a mesh.Answer) bool {
		return a.Version < version && gone[dst.Addr().Unmap()]
	})
	r.renew(max(version, r.oldest))
}

// renew has everybody who waits for an answer ask again.
func (r *resolver) renew(oldest uint64) {
	r.oldest = oldest
	close(r.changed)
	r.changed = make(chan struct{})
}
