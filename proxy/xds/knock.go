package xds

import (
	"context"
	"fmt"
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
)

// knocking asks for signs of life until ctx ends.
func (c *Client) knocking(ctx context.Context, conn grpc.ClientConnInterface) {
	for ctx.Err() == nil {
		c.knock(ctx, conn)
		select {
		case <-time.After(jitter(knockEvery)): // out of step with whatever the server does at intervals
		case <-ctx.Done():
		}
	}
}

func (c *Client) knock(ctx context.Context, conn grpc.ClientConnInterface) {
	limit, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	asked := time.Now()
	r, err := healthpb.NewHealthClient(conn).Check(limit, &healthpb.HealthCheckRequest{Service: Mesh})
	switch code := status.Code(err); {
	case ctx.Err() != nil, code == codes.Unavailable, code == codes.Unauthenticated, code == codes.PermissionDenied: // the stream's end will say why
	case code == codes.DeadlineExceeded:
		c.standing.lost(asked, fmt.Sprintf("the stream is open, and a question was not answered within %v", knockTimeout))
	default:
		c.standing.alive(time.Since(asked), r.GetStatus() == healthpb.HealthCheckResponse_NOT_SERVING)
	}
}
