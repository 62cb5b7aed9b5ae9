package discovery

import (
	"fmt"
	"reflect"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// Config is `discovery:` in the file of a node or a sidecar. The zero value is none.
type Config struct {
	Address   string   `json:"address,omitempty"`   // unix:///path, or host:port
	Addresses []string `json:"addresses,omitempty"` // of several that serve the same, in place of it
	Token     string   `json:"token"`               // file of the bearer token
	Roots     string   `json:"roots,omitempty"`     // PEM file that the server's certificate must lead to; for host:port
	OnDemand  bool     `json:"onDemand,omitempty"`  // ask for what is talked to, instead of everything; see package docs

	Experimental bool `json:"experimental,omitempty"` // with OnDemand: its limits are known
}

// Check says what is wrong.
func (c Config) Check() error {
	if c.Address != "" && len(c.Addresses) > 0 {
		return fmt.Errorf("discovery: address and addresses are both there: keep one")
	}
	seen := map[string]bool{}
	for _, t := range c.targets() {
		if err := t.Check(); err != nil {
			if c.Address == "" && t.Address != "" {
				return fmt.Errorf("discovery: %s: %w", t.Address, err)
			}
			return fmt.Errorf("discovery: %w", err)
		}
		if seen[t.Address] {
			return fmt.Errorf("discovery: %s is there twice: a replica is named once", t.Address)
		}
		seen[t.Address] = true
	}
	if c.OnDemand != c.Experimental {
		return fmt.Errorf("discovery: onDemand and experimental go together: one workload that calls very many addresses uses up what its node may ask for, " +
			"and new addresses and pods of the whole node fail until the node proxy restarts; say experimental: true to have it all the same, or leave both out and have the whole mesh")
	}
	return nil
}

// None says that the file has no discovery.
func (c Config) None() bool { return reflect.DeepEqual(c, Config{}) }

// targets are the replicas, in the order of the file; one at least, which may be wrong.
func (c Config) targets() (all []bearer.Target) {
	addresses := c.Addresses
	if len(addresses) == 0 {
		addresses = []string{c.Address}
	}
	for _, a := range addresses {
		all = append(all, bearer.Target{Address: a, Roots: c.Roots, Token: c.Token})
	}
	return all
}

// String is where the mesh is from, for operators.
func (c Config) String() string {
	if c.Address != "" {
		return c.Address
	}
	return strings.Join(c.Addresses, ", ")
}

// From says which of the two sources a file names: exactly one must be.
func From(mesh string, c Config) error {
	switch {
	case mesh == "" && c.None():
		return fmt.Errorf("mesh or discovery is required: the mesh file, or who serves the mesh")
	case mesh != "" && !c.None():
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
