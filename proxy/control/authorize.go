package control

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// authorize is the CA's ca.Authorizer: a caller has the identities of its grant, whichever way it asks; a node has those of
// the workloads that run on it, and says that it impersonates, as Istio's proxies do.
func (c *Control) authorize(ctx context.Context, id identity.ID, impersonated bool) error {
	caller, ok := bearer.CallerOf(ctx)
	switch {
	case !ok:
		return status.Error(codes.Unauthenticated, "a bearer token is missing")
	case caller.Owns(id):
		return nil
	case caller.Node == "":
		return status.Errorf(codes.PermissionDenied, "the token is not good for %s", id)
	case !impersonated:
		return status.Error(codes.PermissionDenied, "a node has no identity of its own: say ImpersonatedIdentity in the metadata")
	case !c.placement.runs(id, caller.Node):
		return status.Errorf(codes.PermissionDenied, "no workload of node %s has the identity %s", caller.Node, id)
	}
	return nil
}
