package control

import (
	"context"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// health answers those who ask for a sign of life: that it answers is most of what they want
// to know. The mesh is not served as long as its newest file is one that cannot be used:
// proxies tell their operators, who would see nothing of it otherwise.
type health struct {
	healthpb.UnimplementedHealthServer
	control *Control
}

// Check implements grpc.health.v1.
func (h health) Check(_ context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	says := healthpb.HealthCheckResponse_SERVING
	switch {
	case r.Service == "":
	case r.Service != xds.Mesh || h.control.mesh == nil:
		return nil, status.Error(codes.NotFound, "no such service here")
	case h.control.mesh.Standing().Refused != "":
		says = healthpb.HealthCheckResponse_NOT_SERVING
	}
	return &healthpb.HealthCheckResponse{Status: says}, nil
}
