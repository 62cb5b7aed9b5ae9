package telemetry

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// Key tells the series of one workload apart: what its end of a connection knows of the
// other end. It holds what is at hand when a connection begins, unparsed: who wants the
// many labels of Istio's metrics makes them of it, once for each series.
type Key struct {
	Direction Direction   `json:"direction"`
	Peer      string      `json:"peer,omitempty"`    // UID of the workload at the other end, by the mesh
	Identity  identity.ID `json:"identity,omitzero"` // of the other end, verified
	Baggage   string      `json:"baggage,omitempty"` // what it says of itself
	Address   netip.Addr  `json:"address,omitzero"`  // of the other end, when nothing else says who it is
	Service   string      `json:"service,omitempty"` // host name
	// Overflow is the series of all connections for which there was no room: nothing but the
	// direction is known of them.
	Overflow bool `json:"overflow,omitempty"`
}

// Size is how many bytes its words have.
func (k *Key) Size() int {
	return len(k.Peer) + len(k.Identity.String()) + len(k.Baggage) + len(k.Service)
}

// maxBaggage bounds what a peer can make us remember of its words; Istio's are 300 bytes.
const maxBaggage = 1 << 10

// key is the series that the record belongs to.
func (r *Record) key() Key {
	k := Key{Direction: r.Direction, Peer: r.PeerUID, Identity: r.Peer, Service: r.Service}
	if len(r.PeerBaggage) <= maxBaggage {
		k.Baggage = r.PeerBaggage
	}
	if k.Baggage == "" && k.Peer == "" && r.Direction != Outbound {
		k.Address = r.Source.Addr()
	}
	return k
}

// Series counts the connections of one workload that have a key in common. It is found
// once for each connection.
type Series struct {
	key    Key
	slot   int
	born   uint64        // its number among all of the process
	said   hbone.Baggage // key.Baggage
	opened atomic.Uint64
	closed [flags]atomic.Uint64
	failed [flags]atomic.Uint64

	// Bytes, while they move.
	Sent     atomic.Int64 // towards the destination
	Received atomic.Int64

	mu       sync.Mutex
	failures map[Failure]uint64

	// Guarded by Table.mu.
	used uint64 // the table's clock at the last Open
	told *Tally // the last one handed out to whoever listens now
}

// Tally is what a series has counted since it began.
type Tally struct {
	Slot int    `json:"slot"`
	Born uint64 `json:"born"`          // tells the series that had the slot apart
	Key  *Key   `json:"key,omitempty"` // absent: it was said before
	Numbers
	Failures []Failures `json:"failures,omitempty"` // those of Failed, by what failed
}

// Numbers are those of a tally.
type Numbers struct {
	Opened   uint64 `json:"opened"`
	Closed   ByFlag `json:"closed"`
	Failed   ByFlag `json:"failed,omitzero"` // contained in Closed
	Sent     uint64 `json:"sent"`            // bytes towards the destination
	Received uint64 `json:"received"`
}

// Failure is where along its path a connection failed, and why: one word, empty for
// errors that have none.
type Failure struct {
	Stage  Stage  `json:"stage"`
	Reason string `json:"reason,omitempty"`
}

// Failures is how often that was.
type Failures struct {
	Failure
	Count uint64 `json:"count"`
}

// maxFailures bounds the kinds of failure of a series; the words are the program's own, so
// that there are not many.
const maxFailures = 32

// Since is how much each number has grown.
func (n Numbers) Since(last Numbers) Numbers {
	return Numbers{
		Opened: Grown(n.Opened, last.Opened), Closed: n.Closed.since(last.Closed), Failed: n.Failed.since(last.Failed),
		Sent: Grown(n.Sent, last.Sent), Received: Grown(n.Received, last.Received),
	}
}

// Add returns the sum of both.
func (n Numbers) Add(other Numbers) Numbers {
	for f := range flags {
		n.Closed[f] += other.Closed[f]
		n.Failed[f] += other.Failed[f]
	}
	n.Opened += other.Opened
	n.Sent += other.Sent
	n.Received += other.Received
	return n
}

// Open is how many connections have begun and not ended, as far as that is known.
func (n Numbers) Open() uint64 { return n.Opened - min(n.Closed.Sum(), n.Opened) }

// numbers reads the counters so that no connection shows as closed and not as opened, nor
// as failed and not as closed.
func (s *Series) numbers() (n Numbers) {
	for f := range flags {
		n.Failed[f] = s.failed[f].Load()
	}
	for f := range flags {
		n.Closed[f] = s.closed[f].Load()
	}
	n.Sent, n.Received = uint64(s.Sent.Load()), uint64(s.Received.Load())
	n.Opened = s.opened.Load()
	return n
}

// close counts the end of the connection that r describes.
func (s *Series) close(r *Record) {
	if r.Err != nil {
		s.fail(Failure{Stage: r.Stage, Reason: r.reason()})
	}
	s.closed[r.Flag].Add(1)
	if r.Err != nil {
		s.failed[r.Flag].Add(1)
	}
}

func (s *Series) fail(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures == nil {
		s.failures = map[Failure]uint64{}
	}
	if _, ok := s.failures[f]; ok || len(s.failures) < maxFailures {
		s.failures[f]++
	}
}

// listFailures are all of them, in a fixed order.
func (s *Series) listFailures() []Failures {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Failures
	for f, n := range s.failures {
		all = append(all, Failures{f, n})
	}
	slices.SortFunc(all, func(a, b Failures) int {
		return cmp.Or(strings.Compare(string(a.Stage), string(b.Stage)), strings.Compare(a.Reason, b.Reason))
	})
	return all
}
