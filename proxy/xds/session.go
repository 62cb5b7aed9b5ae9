package xds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	// maxMessage is what istiod allows, too: a first response holds the whole mesh.
	maxMessage = 200 << 20
	// maxDetail bounds the reasons in a NACK; the log has the rest.
	maxDetail = 4 << 10
	wildcard  = "*"
)

// session is one stream of a client.
type session struct {
	*Client
	server string
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	heard  atomic.Bool // the server answered
}

// session runs until the stream to a replica ends, or it is silent for longer than the
// patience; heard says whether the server ever answered.
func (c *Client) session(ctx context.Context, to Replica, patience int) (heard bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := to.Dial()
	if err != nil {
		return false, err
	}
	defer conn.Close()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx, grpc.MaxCallRecvMsgSize(maxMessage))
	if err != nil {
		return false, err
	}
	responses, ended := make(chan *discoveryv3.DeltaDiscoveryResponse), make(chan error, 1)
	go receive(ctx, stream.Recv, responses, ended)
	s := &session{Client: c, server: to.Name, stream: stream}
	var knocking sync.WaitGroup
	knocking.Go(func() {
		if err := s.knocking(ctx, conn, patience); err != nil {
			cancel(err)
		}
	})
	if err := s.begin(); err == nil {
		s.serve(ctx, responses)
	}
	cancel(nil)
	knocking.Wait()
	err = <-ended
	var silent *SilentError
	if errors.As(context.Cause(ctx), &silent) {
		err = silent
	}
	return s.heard.Load(), err
}

// receive passes on what arrives until the stream ends.
func receive[M any](ctx context.Context, recv func() (M, error), to chan<- M, ended chan<- error) {
	for {
		m, err := recv()
		if err != nil {
			ended <- err
			return
		}
		select {
		case to <- m:
		case <-ctx.Done():
			ended <- context.Cause(ctx)
			return
		}
	}
}

// begin subscribes to the first type, or to all after one that was answered before.
func (s *session) begin() error {
	s.standing.begin()
	for i, t := range s.types {
		t.asked = false
		if i == 0 || s.types[i-1].answered {
			if err := s.subscribe(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve handles responses and demands until the stream ends, which its reader says.
func (s *session) serve(ctx context.Context, responses <-chan *discoveryv3.DeltaDiscoveryResponse) {
	for {
		var err error
		select {
		case r := <-responses:
			s.heard.Store(true)
			s.standing.heard(s.server)
			s.traffic.response(r)
			err = s.take(r)
		case <-s.demand:
			err = s.ask()
		case <-s.stream.Context().Done():
			return
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *session) subscribe(t *subscription) error {
	t.asked = true
	r := &discoveryv3.DeltaDiscoveryRequest{Node: s.config.Node, TypeUrl: t.Type, InitialResourceVersions: t.known()}
	if t.OnDemand { // to nothing, and to what has been demanded
		r.ResourceNamesSubscribe = append([]string{wildcard}, s.demands(t.Type, true)...)
		r.ResourceNamesUnsubscribe = []string{wildcard}
	}
	return s.stream.Send(r)
}

// ask sends the demands that came since.
func (s *session) ask() error {
	for _, t := range s.types {
		if !t.OnDemand || !t.asked {
			continue
		}
		if names := s.demands(t.Type, false); len(names) > 0 {
			if err := s.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: t.Type, ResourceNamesSubscribe: names}); err != nil {
				return err
			}
		}
	}
	return nil
}

// take uses a response and answers it.
func (s *session) take(m *discoveryv3.DeltaDiscoveryResponse) error {
	i := slices.IndexFunc(s.types, func(t *subscription) bool { return t.Type == m.TypeUrl })
	answer := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: m.TypeUrl, ResponseNonce: m.Nonce}
	if i < 0 {
		answer.ErrorDetail = refusal("this type was not subscribed to")
		return s.stream.Send(answer)
	}
	t := s.types[i]
	r, rejected := read(m)
	for name, err := range s.config.Handler.Apply(r) {
		rejected[name] = err
	}
	t.settle(r, rejected)
	s.standing.settle(r, rejected)
	if len(rejected) > 0 {
		detail := reasons(rejected)
		s.config.Log.Error("discovery: resources rejected", "type", t.Type, "resources", len(rejected), "why", detail)
		answer.ErrorDetail = refusal(detail)
	}
	s.answered(t, rejected)
	if err := s.stream.Send(answer); err != nil {
		return err
	}
	if i+1 < len(s.types) && !s.types[i+1].asked {
		return s.subscribe(s.types[i+1])
	}
	return nil
}

// read takes the resources out of their envelopes.
func read(m *discoveryv3.DeltaDiscoveryResponse) (Response, map[string]error) {
	r, rejected := Response{Type: m.TypeUrl, Removed: m.RemovedResources}, map[string]error{}
	for _, x := range m.Resources {
		if got := x.GetResource().GetTypeUrl(); got != m.TypeUrl {
			rejected[x.GetName()] = Lost{fmt.Errorf("it is a %q", got)}
			continue
		}
		r.Resources = append(r.Resources, Resource{Name: x.Name, Version: x.Version, Value: x.Resource.Value, Aliases: x.Aliases})
	}
	return r, rejected
}

// answered notes the first answer of a type that says of all whom it is about.
func (s *session) answered(t *subscription, rejected map[string]error) {
	if t.answered || slices.ContainsFunc(slices.Collect(maps.Values(rejected)), lost) {
		return
	}
	t.answered = true
	if !slices.ContainsFunc(s.types, func(t *subscription) bool { return !t.answered }) {
		close(s.ready)
	}
}

// reasons is "name: why; name: why", in order, cut to what a NACK should hold.
func reasons(rejected map[string]error) string {
	var parts []string
	for name, err := range rejected {
		parts = append(parts, name+": "+err.Error())
	}
	slices.Sort(parts)
	all := strings.Join(parts, "; ")
	if len(all) > maxDetail {
		return strings.ToValidUTF8(all[:maxDetail], "") + "…"
	}
	return all
}

func refusal(why string) *statuspb.Status {
	return &statuspb.Status{Code: int32(codes.InvalidArgument), Message: strings.ToValidUTF8(why, "?")}
}
