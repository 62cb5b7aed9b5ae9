package discovery

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// Config is `discovery:` in the file of a node or a sidecar. The zero value is none.
type Config struct {
	Address  string `json:"address"`            // unix:///path, or host:port
	Token    string `json:"token"`              // file of the bearer token
	Roots    string `json:"roots,omitempty"`    // PEM file that the server's certificate must lead to; for host:port
	OnDemand bool   `json:"onDemand,omitempty"` // ask for what is talked to, instead of everything; see package docs

	Experimental bool `json:"experimental,omitempty"` // with OnDemand: its limits are known
}

// Check says what is wrong.
func (c Config) Check() error {
	if err := c.target().Check(); err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	if c.OnDemand != c.Experimental {
		return fmt.Errorf("discovery: onDemand and experimental go together: one workload that calls very many addresses uses up what its node may ask for, " +
			"and new addresses and pods of the whole node fail until the node proxy restarts; say experimental: true to have it all the same, or leave both out and have the whole mesh")
	}
	return nil
}

func (c Config) target() bearer.Target {
	return bearer.Target{Address: c.Address, Roots: c.Roots, Token: c.Token}
}

// From says which of the two sources a file names: exactly one must be.
func From(mesh string, c Config) error {
	switch {
	case mesh == "" && c == Config{}:
		return fmt.Errorf("mesh or discovery is required: the mesh file, or who serves the mesh")
	case mesh != "" && c != Config{}:
		return fmt.Errorf("mesh and discovery are both there: keep one")
	case mesh != "":
		return nil
	}
	return c.Check()
}

// Where a proxy runs, as istiod wants to hear it.
const (
	systemNamespace = "bulkhead-system"
	noAddress       = "1.1.1.1" // ztunnel says so, too, when it knows none
)

// node is what control is told about the proxy: for logs, and for servers that are not
// ours. Ours believes the token.
func node(name, node string) *corev3.Node {
	metadata, err := structpb.NewStruct(map[string]any{
		"NAME": name, "NAMESPACE": systemNamespace, "NODE_NAME": node, "INSTANCE_IPS": noAddress, "CLUSTER_ID": "Kubernetes",
	})
	if err != nil { // a name that is no UTF-8
		metadata = nil
	}
	return &corev3.Node{
		Id:       "ztunnel~" + noAddress + "~" + name + "." + systemNamespace + "~" + systemNamespace + ".svc.cluster.local",
		Metadata: metadata,
	}
}
