package xds

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What one proxy can have a server keep. A server keeps a name for as long as the stream lasts, also one that nothing has.
const (
	maxNames   = 1 << 17 // that a stream is subscribed to, of one type; ours ask for no more
	maxName    = 1 << 10 // bytes; a pod's in Kubernetes has 640 at most
	maxStreams = 64      // of one node: its keeper's, the next keeper's, and those that are dead and not noticed yet
)

var (
	errManyNames   = status.Errorf(codes.ResourceExhausted, "more than %d names of one type: subscribe to everything, or unsubscribe", maxNames)
	errLongName    = status.Errorf(codes.InvalidArgument, "a name of more than %d bytes", maxName)
	errManyStreams = status.Errorf(codes.ResourceExhausted, "this node has %d streams already", maxStreams)
)

// refuse counts a stream that is ended, or not begun, and says so once a minute at most.
func (s *Server) refuse(node string, why error) error {
	s.excess.Add(1)
	s.say.Do(func() {
		s.config.Log.Error("discovery: a proxy wants more than it may have", "node", node, "error", why, "so_far", s.excess.Load())
	})
	return why
}

// admit counts a stream of a node until leave is called.
func (s *Server) admit(ctx context.Context) (leave func(), err error) {
	node := ""
	if s.config.Node != nil {
		node = s.config.Node(ctx)
	}
	if node == "" {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[node] >= maxStreams {
		return nil, s.refuse(node, errManyStreams)
	}
	s.nodes[node]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.nodes[node]--; s.nodes[node] == 0 {
			delete(s.nodes, node)
		}
	}, nil
}
