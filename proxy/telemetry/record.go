package telemetry

import (
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Direction is which side of the proxy the connection is on.
type Direction string

const (
	Outbound  Direction = "outbound"
	Inbound   Direction = "inbound"   // over HBONE
	Plaintext Direction = "plaintext" // captured at the destination without mTLS
)

// Stage is how far along the straight path a connection came. The words are those
// of the diagram in docs/architecture.md.
type Stage string

const (
	StageAccept   Stage = "accept"
	StageVerify   Stage = "verify" // TLS handshake and the peer's SVID
	StageConnect  Stage = "connect"
	StageClassify Stage = "classify"
	StageResolve  Stage = "resolve"
	StagePolicy   Stage = "policy"
	StageTunnel   Stage = "tunnel"
	StageDial     Stage = "dial" // passthrough
	StageDeliver  Stage = "deliver"
	StageRelay    Stage = "relay"
)

// Record is one connection. The zero value plus Start and Direction is valid.
type Record struct {
	Start       time.Time
	Direction   Direction
	Stage       Stage
	Workload    string // the workload served: source when outbound, destination when inbound
	Owner       *Owner // the same, in full
	Source      netip.AddrPort
	Destination netip.AddrPort // original destination, or the CONNECT's authority
	HBONE       netip.AddrPort // the tunnel's far address (outbound) or ours (inbound)
	Next        netip.AddrPort // where the bytes went
	Peer        identity.ID    // verified identity of the other end
	PeerUID     string         // workload at the other end, when known
	PeerBaggage string         // what the other end says of itself
	Service     string
	DryRun      string // what policies of dry run would have decided, where that differs
	Traceparent string
	Tries       int   // endpoints tried, when outbound
	Status      int   // HTTP status of the CONNECT, 0 when there was none
	Sent        int64 // bytes towards the destination
	Received    int64
	Flag        Flag
	QUIC        bool // the tunnel is over QUIC, and not over TCP
	Err         error

	series *Series // once it is known
}
