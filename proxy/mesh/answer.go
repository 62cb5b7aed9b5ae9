package mesh

import (
	"net/netip"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Kind is which of the three answers Resolve gave.
type Kind uint8

const (
	Unknown Kind = iota // not known yet: wait, then fail; never passthrough
	Mesh                // a workload or service of the mesh
	NotMesh             // a complete snapshot does not contain the address
)

func (k Kind) String() string { return [...]string{"unknown", "mesh", "not-mesh"}[k] }

// Answer is what Resolve says. A Mesh answer without endpoints is an error, never
// passthrough: Refusal is the word for it and Reason the sentence.
type Answer struct {
	Kind    Kind   `json:"kind"`
	Version uint64 `json:"version"`           // of the snapshot that gave it
	Service string `json:"service,omitempty"` // hostname of the service that was called
	// Names are identities that any endpoint may show instead of its own: the
	// service's subject alternative names.
	Names     []identity.ID `json:"names,omitempty"`
	Endpoints []Endpoint    `json:"endpoints,omitempty"` // the best rank first; see Choose
	Refusal   Refusal       `json:"refusal,omitempty"`
	Reason    string        `json:"reason,omitempty"`
}

// Endpoint is one place that serves the address asked for.
type Endpoint struct {
	Workload string         `json:"workload,omitempty"` // UID; empty: the address itself, outside the mesh
	Address  netip.AddrPort `json:"address"`            // the workload's address and its own port
	Protocol Protocol       `json:"protocol"`
	Identity identity.ID    `json:"identity,omitzero"`
	Weight   uint32         `json:"weight"`         // share among those of its rank
	Rank     int            `json:"rank,omitempty"` // 0 is used as long as any of it can be
}

// Refusal is why a destination of the mesh cannot be had, in one word.
type Refusal string

const (
	NoPort        Refusal = "no-port"       // the service has no such port
	NoUpstream    Refusal = "no-upstream"   // no endpoint, or none that is healthy and near enough
	NoAddress     Refusal = "no-address"    // only endpoints without an address of a family that may be used
	OtherNetwork  Refusal = "other-network" // only endpoints that a gateway would have to reach
	NeedsWaypoint Refusal = "waypoint"      // a waypoint must be passed
	NotUsable     Refusal = "rejected"      // control says something of it that this version cannot use
)
