package xds

import (
	"errors"
	"io"
	"maps"
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// How streams end, in ztunnel's words, which Istio's dashboards show.
const (
	endedUnheard   = "ConnectionError" // the server never answered
	endedWithError = "Error"           // it refused, or was silent for too long
	endedLost      = "Reconnect"       // the connection went, or the server left: nothing is wrong with what was said
	endedInOrder   = "Complete"        // the server ended it
)

// unsubscribed is the type of all responses of types that nobody asked for: a server cannot
// make a client count by words of its own.
const unsubscribed = "other"

// traffic counts what comes, and the streams that end, over all replicas.
type traffic struct {
	mu                     sync.Mutex
	messages, bytes, ended map[string]uint64
}

// newTraffic has a zero for everything that may be counted: what appears with its first
// event is no growth to whoever looks at growth.
func newTraffic(types []Subscription) *traffic {
	t := &traffic{
		messages: map[string]uint64{}, bytes: map[string]uint64{},
		ended: map[string]uint64{endedUnheard: 0, endedWithError: 0, endedLost: 0, endedInOrder: 0},
	}
	for _, s := range types {
		t.messages[s.Type], t.bytes[s.Type] = 0, 0
	}
	return t
}

// response counts one. Its bytes are, as ztunnel counts them, those of the resources' values.
func (t *traffic) response(m *discoveryv3.DeltaDiscoveryResponse) {
	size := 0
	for _, x := range m.Resources {
		size += len(x.GetResource().GetValue())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	typ := m.TypeUrl
	if _, known := t.messages[typ]; !known {
		typ = unsubscribed
	}
	t.messages[typ]++
	t.bytes[typ] += uint64(size)
}

// end counts a stream.
func (t *traffic) end(heard bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended[ending(heard, err)]++
}

func ending(heard bool, err error) string {
	if errors.Is(err, io.EOF) {
		return endedInOrder
	}
	if !heard {
		return endedUnheard
	}
	said, ofStream := status.FromError(err)
	if !ofStream {
		return endedWithError
	}
	switch said.Code() {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Unknown:
		return endedLost
	}
	return endedWithError
}

// copies are for whoever shows them.
func (t *traffic) copies() (messages, bytes, ended map[string]uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.messages), maps.Clone(t.bytes), maps.Clone(t.ended)
}
