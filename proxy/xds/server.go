package xds

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// View says which resources a stream is shown.
type View func(*Resource) bool

// ServerConfig is all that a server needs.
type ServerConfig struct {
	Types []string // in the order in which changes are sent
	// View decides who is shown what; its error ends the stream. nil: everybody everything.
	View func(ctx context.Context, node *corev3.Node) (View, error)
	// Node is whose streams are counted together, by what he has proven; empty, or nil: nobody's.
	Node func(ctx context.Context) string
	Log  *slog.Logger
}

// Server serves resources over delta xDS.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	config ServerConfig
	stores map[string]*store

	mu      sync.Mutex
	streams map[*stream]struct{}
	nodes   map[string]int // open streams

	excess atomic.Uint64  // streams ended, or not begun, for a quota
	say    rate.Sometimes // a proxy comes again, and again
}

// NewServer makes a server. It answers nothing about a type before its first Update or
// Replace: that there is nothing is an answer, too, and proxies would believe it.
func NewServer(c ServerConfig) *Server {
	s := &Server{config: c, stores: map[string]*store{}, streams: map[*stream]struct{}{}, nodes: map[string]int{}, say: rate.Sometimes{First: 1, Interval: time.Minute}}
	for _, t := range c.Types {
		s.stores[t] = newStore()
	}
	return s
}

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, s)
}

// Update changes resources of a type and wakes the streams. It waits for none of them.
func (s *Server) Update(typ string, set []Resource, removed []string) {
	if s.stores[typ].update(set, removed) {
		s.wake()
	}
}

// Replace makes a set all the resources of a type.
func (s *Server) Replace(typ string, set []Resource) {
	if s.stores[typ].replace(set) {
		s.wake()
	}
}

func (s *Server) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.streams {
		select {
		case x.news <- struct{}{}:
		default: // it is woken already, and will find the newest
		}
	}
}

// DeltaAggregatedResources implements the service.
func (s *Server) DeltaAggregatedResources(g discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	leave, err := s.admit(g.Context())
	if err != nil {
		return err
	}
	defer leave()
	requests, ended := make(chan *discoveryv3.DeltaDiscoveryRequest), make(chan error, 1)
	ctx, cancel := context.WithCancel(g.Context())
	defer cancel()
	go receive(ctx, g.Recv, requests, ended)
	x := &stream{server: s, grpc: g, news: make(chan struct{}, 1), types: map[string]*watch{}}
	defer x.leave()
	for {
		var err error
		select {
		case r := <-requests:
			err = x.hear(r)
		case <-x.news:
			err = x.push()
		case err = <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func (s *Server) join(x *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[x] = struct{}{}
}

func (x *stream) leave() {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	delete(x.server.streams, x)
}

var errBehind = status.Error(codes.Aborted, "too far behind: connect again and say what you have")
