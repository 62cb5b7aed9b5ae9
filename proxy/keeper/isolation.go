package keeper

import (
	"fmt"
	"slices"
	"strings"
)

// Isolation is what shares a cell on this node.
type Isolation string

const (
	Shared         Isolation = "shared"
	Namespace      Isolation = "namespace"
	ServiceAccount Isolation = "service-account"
	PerWorkload    Isolation = "workload"
	// Sidecar and None have no cell on the node: see outside.go.
	Sidecar Isolation = "sidecar"
	None    Isolation = "none"
)

// sharing is every isolation with a cell on the node, from the most shared to the least.
var sharing = []Isolation{Shared, Namespace, ServiceAccount, PerWorkload}

func (i Isolation) valid() bool { return slices.Contains(sharing, i) || i.outside() }

// outside says whether the node's cells have nothing to do with the pod.
func (i Isolation) outside() bool { return i == Sidecar || i == None }

// narrower says whether fewer workloads share a cell than under o.
func (i Isolation) narrower(o Isolation) bool {
	return !o.outside() && (i.outside() || slices.Index(sharing, i) > slices.Index(sharing, o))
}

func checkIsolation(field string, i Isolation) error {
	if i.valid() {
		return nil
	}
	return fmt.Errorf("%s %q: use shared, namespace, service-account, workload, sidecar or none", field, i)
}

// Overrides give some pods another isolation than the node's.
type Overrides = Choices[Isolation]

// Group is the key of the cell that serves a pod. What was chosen for the pod by a
// move wins over the configuration, there the workload over the namespace, and that
// over the node.
func (c *Config) Group(p Pod) string {
	i := c.Overrides.of(p, c.Isolation)
	if p.Isolation != "" {
		i = p.Isolation
	}
	return i.Group(p)
}

// Group is the key of a pod's cell under one isolation: the only thing in which the
// isolations of a node differ.
func (i Isolation) Group(p Pod) string {
	switch i {
	case Namespace:
		return "namespace/" + p.Namespace
	case ServiceAccount:
		return "service-account/" + p.Namespace + "/" + p.ServiceAccount
	case PerWorkload, Sidecar, None:
		return string(i) + "/" + p.UID
	default:
		return "shared"
	}
}

// isolationOf reads it back from a group.
func isolationOf(group string) Isolation {
	i, _, _ := strings.Cut(group, "/")
	return Isolation(i)
}
