package h3

import (
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// skippedPerToken is how much of a frame that nobody reads one token of noise pays for: what one of HTTP/2 has at most.
const skippedPerToken = 16 << 10

// limits is what a peer may do that costs work and moves nothing, counted over all streams of its tunnel: each is read in a goroutine of its own.
// An error ends the tunnel.
type limits struct {
	mu            sync.Mutex
	noise, resets tunnel.Allowance
}

func newLimits() *limits { return &limits{noise: tunnel.Noise, resets: tunnel.Resets} }

// noisy charges for n times nothing.
func (l *limits) noisy(n int) error {
	if n > 0 && !l.spend(&l.noise, n) {
		return connError(codeLoad, "too much that moves nothing")
	}
	return nil
}

// reset charges for a request that ended before its answer.
func (l *limits) reset() error {
	if !l.spend(&l.resets, 1) {
		return connError(codeLoad, "too many streams reset before their answer")
	}
	return nil
}

func (l *limits) spend(a *tunnel.Allowance, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.Spend(time.Now(), n)
}

// tokens is what a frame that is skipped costs. Its length is the peer's word: no more than would end any tunnel.
func tokens(length uint64) int { return 1 + int(min(length/skippedPerToken, 1<<20)) }
