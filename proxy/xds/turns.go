package xds

import (
	"math/rand/v2"
	"time"
)

// Between two rounds of the replicas.
//
// The cap is how late a push may come after an outage of all of them, and how fast a fleet
// comes back: within 5 s, so a thousand proxies are 200 handshakes a second, a fraction of a
// core (an ECDSA handshake costs control below 1 ms). At 15 s, as it was, nothing was won
// but a push that came 15 s late; at 1 s, five times as many proxies come at once, each of
// which says what it has.
const (
	firstDelay = 10 * time.Millisecond
	lastDelay  = 5 * time.Second
	// A stream is good, and the delays begin anew after it, when it was heard and lasted for
	// this. It is not the cap, whatever that is: one answer does not make a stream good. A
	// server that dies of what we say to its answer would be asked a hundred times a second,
	// by every proxy.
	goodAfter = 15 * time.Second
)

// turns says which replica comes next, and when. A round is each of them once, in order and
// without a wait: that one is gone says nothing of the others. The wait comes between
// rounds.
type turns struct {
	replicas int
	left     []int // of this round
	failed   int   // rounds since the last good stream
	delay    time.Duration
}

func newTurns(replicas int) *turns {
	t := &turns{replicas: replicas}
	t.left = t.but(-1)
	return t
}

// but is a round without one.
func (t *turns) but(lost int) (round []int) {
	for i := range t.replicas {
		if i != lost {
			round = append(round, i)
		}
	}
	return round
}

// next is the replica for the next stream, and the longest wait before it.
func (t *turns) next() (replica int, wait time.Duration) {
	if len(t.left) == 0 {
		t.delay = min(max(2*t.delay, firstDelay), lastDelay)
		t.failed++
		t.left, wait = t.but(-1), t.delay
	}
	replica, t.left = t.left[0], t.left[1:]
	return replica, wait
}

// ended notes a stream. After a good one the others come first: it is the one that is gone.
func (t *turns) ended(replica int, heard bool, lived time.Duration) {
	if heard && lived >= goodAfter {
		*t = turns{replicas: t.replicas, left: t.but(replica)}
	}
}

// leastPatience is that with a replica that was good. One question may be lost to a stall of ours.
const leastPatience = 2

// patience is how many questions in a row a replica may leave unanswered before its stream
// is given up for another one; 0: there is no other, and it may all come in the end. It
// grows with each round that failed: where the way is so narrow that the mesh itself holds
// up the answers, some stream must get to its end.
func (t *turns) patience() int {
	if t.replicas < 2 {
		return 0
	}
	return leastPatience * (1 + min(t.failed, 15))
}

// spread is between half of d and all of it: proxies that lost one server must not come
// back as one.
func spread(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
