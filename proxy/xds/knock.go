package xds

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// A stream that is open looks like one whose server has nothing to say, and gRPC's own pings
// come every 30 s. So the server is asked for a sign of life beside the stream.
const (
	knockEvery   = 2 * time.Second
	knockTimeout = 2 * time.Second
	// Mesh is the service of grpc.health.v1 that says whether the server has the newest mesh
	// that it was given. Servers that know neither answer as well, by refusing.
	Mesh = "bulkhead.mesh"
	// muteAfter is how many times as many questions are asked of one that answers them, and
	// sends nothing: a control that has not read its mesh.
	muteAfter = 4
)

// SilentError is a stream that was given up: it is open, and whoever is behind it says nothing.
type SilentError struct{ Why string }

func (e *SilentError) Error() string { return e.Why }

// knocking asks for signs of life until ctx ends, or so many are missing that another
// replica should be tried; 0: never. That a connection was made is no sign of life: the
// kernel accepts it for a process that stands still.
func (s *session) knocking(ctx context.Context, conn grpc.ClientConnInterface, patience int) error {
	unanswered, asked, began := 0, 0, time.Now()
	for ctx.Err() == nil {
		switch s.knock(ctx, conn) {
		case silence:
			asked++
			unanswered++ // the question took its time
			if patience > 0 && s.heard.Load() && time.Since(began) >= goodAfter {
				patience = leastPatience // what went before this stream is over
			}
		case answered:
			asked++
			unanswered = 0
			s.rest(ctx)
		case unasked:
			s.rest(ctx)
		}
		switch {
		case patience == 0:
		case unanswered >= patience:
			return &SilentError{fmt.Sprintf("the stream is open, and %d questions in a row were not answered within %v", unanswered, knockTimeout)}
		case asked >= muteAfter*patience && !s.heard.Load():
			return &SilentError{"it answers questions, and nothing of the mesh comes"}
		}
	}
	return nil
}

// rest is the time between two questions, out of step with whatever the server does at intervals.
func (s *session) rest(ctx context.Context) {
	select {
	case <-time.After(jitter(knockEvery)):
	case <-ctx.Done():
	}
}

// reply is what became of a question.
type reply int

const (
	answered reply = iota
	silence        // not in time
	unasked        // it never left, or the stream's end will say what is wrong: it tells nothing of the server
)

// knock asks once.
func (c *Client) knock(ctx context.Context, conn grpc.ClientConnInterface) reply {
	limit, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	asked := time.Now()
	r, err := healthpb.NewHealthClient(conn).Check(limit, &healthpb.HealthCheckRequest{Service: Mesh})
	said, ofServer := status.FromError(err)
	switch code := said.Code(); {
	case ctx.Err() != nil, !ofServer, // without a token there is no call
		code == codes.Unavailable, code == codes.Unauthenticated, code == codes.PermissionDenied:
		return unasked
	case code == codes.DeadlineExceeded:
		c.standing.lost(asked, fmt.Sprintf("the stream is open, and a question was not answered within %v", knockTimeout))
		return silence
	}
	c.standing.alive(time.Since(asked), r.GetStatus() == healthpb.HealthCheckResponse_NOT_SERVING)
	return answered
}

// jitter is d, give or take a fifth.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
