package cell

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// ProtocolVersion is exchanged in the hello; ends that differ do not talk.
const ProtocolVersion = 5

// Message is one packet of the channel. Exactly one field is set.
type Message struct {
	// Both ways.
	Hello *Hello `json:"hello,omitempty"`

	// Keeper to cell.
	Large      *Large       `json:"large,omitempty"` // in place of another, see Pack
	Serve      *Serve       `json:"serve,omitempty"`
	Drop       *Drop        `json:"drop,omitempty"`
	Judge      *Judge       `json:"judge,omitempty"`
	Invalidate *Invalidate  `json:"invalidate,omitempty"`
	Answer     *Answer      `json:"answer,omitempty"`
	Signed     *Signed      `json:"signed,omitempty"`
	Ping       *Ping        `json:"ping,omitempty"`
	Fault      *fault.Order `json:"fault,omitempty"` // only after a hello that allows it
	Limits     *Limits      `json:"limits,omitempty"`
	Level      *Level       `json:"level,omitempty"`
	Look       *Look        `json:"look,omitempty"`

	// Cell to keeper.
	Resolve *Resolve `json:"resolve,omitempty"`
	Sign    *Sign    `json:"sign,omitempty"`
	Pong    *Pong    `json:"pong,omitempty"`
	Done    *Done    `json:"done,omitempty"`
	Seen    *Seen    `json:"seen,omitempty"`
}

// Hello opens a conversation. A cell that gets another hello talks to a new
// keeper, and asks again what is still unanswered.
type Hello struct {
	Version int           `json:"version"`
	Cell    string        `json:"cell"`
	Drain   time.Duration `json:"drain,omitempty"`  // keeper to cell
	Faults  bool          `json:"faults,omitempty"` // keeper to cell: it may order faults
	Level   string        `json:"level,omitempty"`  // keeper to cell: of its log; absent: info
}

// Names of the descriptors that may come with a Serve.
const (
	FileNetns     = "netns" // absent: the cell already lives in the pod's namespace
	FileOutbound  = "outbound"
	FilePlaintext = "plaintext"
	FileHBONE     = "hbone" // the three listeners come together, or not at all (custody: cell)
	FileQUIC      = "quic"  // one of the pod's UDP sockets; absent: no QUIC
)

// Serve asks the cell to serve a workload, or replaces policies and services of
// one that it serves already. Files names the packet's descriptors in order.
type Serve struct {
	Workload json.RawMessage `json:"workload"` // mesh.Workload.Wire
	Services []mesh.Service  `json:"services,omitempty"`
	Policies []mesh.Policy   `json:"policies,omitempty"`
	// Unknown are policies that the workload names and the keeper does not know: see
	// mesh.PolicySet. Generation is the hash of the whole set.
	Unknown    []string `json:"unknown,omitempty"`
	Generation string   `json:"generation,omitempty"`

	Ports   redirect.Ports `json:"ports"`
	Budget  *budget.Limits `json:"budget,omitempty"` // absent: off
	Tunnels tunnel.Config  `json:"tunnels,omitzero"`
	Files   []string       `json:"files,omitempty"`
	QUIC    *QUIC          `json:"quic,omitempty"` // comes with FileQUIC
	// Patient: another process serves the workload meanwhile. Nothing is accepted before
	// the SVID is there; a Serve without it ends the patience.
	Patient bool `json:"patient,omitempty"`
}

// QUIC says how to speak through the UDP socket that comes along: see package steer.
type QUIC struct {
	Slot uint8  `json:"slot"` // with which the IDs of the process's connections begin
	Key  []byte `json:"key"`  // of stateless resets: the same for all processes that the pod ever has
}

// view is what the workload's connections are judged by.
func (s *Serve) view() proxy.View {
	return proxy.View{Services: s.Services, Policies: mesh.PolicySet{Policies: s.Policies, Unknown: s.Unknown, Generation: s.Generation}}
}

// Judge replaces the policies of a workload that the cell serves no more, while its
// connections drain: what is denied does not wait for the end of a drain.
type Judge struct {
	UID        string        `json:"uid"`
	Policies   []mesh.Policy `json:"policies,omitempty"`
	Unknown    []string      `json:"unknown,omitempty"`
	Generation string        `json:"generation,omitempty"`
}

func (j *Judge) set() mesh.PolicySet {
	return mesh.PolicySet{Policies: j.Policies, Unknown: j.Unknown, Generation: j.Generation}
}

// Drop asks the cell to stop serving a workload; open connections drain.
type Drop struct {
	UID string `json:"uid"`
	Now bool   `json:"now,omitempty"` // cut instead of drain: the pod is gone
	// Drain is how long open connections may go on; absent: as the hello says.
	Drain time.Duration `json:"drain,omitempty"`
	// Last: nobody accepts the workload's connections after this cell, and no new one is led to
	// its listeners. It takes those that are on their way.
	Last bool `json:"last,omitempty"`
}

// Invalidate makes answers older than Version worthless: those for the addresses, and
// all of the workloads; without either, all answers.
type Invalidate struct {
	Version   uint64       `json:"version"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Workloads []string     `json:"workloads,omitempty"` // by UID: they themselves have changed
}

// MaxInvalid is how many addresses or workloads one Invalidate may name: a packet has
// an end.
const MaxInvalid = 1000

// of is what an Invalidate says to one workload.
func (i *Invalidate) of(uid string) (addresses []netip.Addr, all bool) {
	return i.Addresses, len(i.Addresses) == 0 && len(i.Workloads) == 0 || slices.Contains(i.Workloads, uid)
}

// Resolve asks where dst is, on behalf of a workload of the cell.
type Resolve struct {
	ID  uint64         `json:"id"`
	UID string         `json:"uid"`
	Dst netip.AddrPort `json:"dst"`
}

// Answer is the keeper's reply to Resolve.
type Answer struct {
	ID     uint64      `json:"id"`
	Answer mesh.Answer `json:"answer"`
	Error  string      `json:"error,omitempty"`
}

// Sign has a CSR signed; the key never leaves the cell.
type Sign struct {
	ID       uint64 `json:"id"`
	Identity string `json:"identity"`
	CSR      []byte `json:"csr"` // DER
}

// Signed is the reply to Sign; certificates are DER, leaf first.
type Signed struct {
	ID    uint64   `json:"id"`
	Chain [][]byte `json:"chain,omitempty"`
	Roots [][]byte `json:"roots,omitempty"`
	Error string   `json:"error,omitempty"`
}

// Limits tells the cell that its walls have moved.
type Limits struct {
	Memory int64 `json:"memory,omitempty"` // for the runtime, in bytes; 0: no limit
}

// Level is from which level on the cell logs: debug, info, warn or error.
type Level struct {
	Name string `json:"name"`
}

// Look asks which connections of a workload are open; Seen is the answer, the newest first,
// as many as a packet holds.
type Look struct {
	ID  uint64 `json:"id"`
	UID string `json:"uid"`
}

// Seen answers a Look.
type Seen struct {
	ID          uint64             `json:"id"`
	Connections []proxy.Connection `json:"connections,omitempty"`
	Open        int                `json:"open"` // in all
	Aside       []proxy.Aside      `json:"aside,omitempty"`
}

// Ping asks for a sign of life; Pong carries what was counted so far.
type Ping struct {
	N uint64 `json:"n"`
}

// Pong answers Ping, and says what has changed since this keeper was told last. Counts
// are cumulative since the cell began, and a claim.
type Pong struct {
	N       uint64                      `json:"n"`
	Counts  map[string]telemetry.Counts `json:"counts,omitempty"` // by workload UID
	Dropped uint64                      `json:"dropped,omitempty"`
	// Views are the generations of the policies in force, by workload UID.
	Views map[string]string `json:"views,omitempty"`
	// Series are those of a workload that have counted since the last pong, by its UID.
	Series map[string][]telemetry.Tally `json:"series,omitempty"`
	// SVIDs are when those end that the cell got since the last pong.
	SVIDs map[identity.ID]time.Time `json:"svids,omitempty"`
}

// Done reports that a Serve or Drop has been carried out, or why not.
type Done struct {
	UID     string `json:"uid"`
	Dropped bool   `json:"dropped,omitempty"`
	Cut     int    `json:"cut,omitempty"` // with Dropped: connections that outlived the drain
	Error   string `json:"error,omitempty"`
	// Generation is that of the Serve's policies, when they are in force: everything that
	// is open has been judged by them. Pongs say so too, later.
	Generation string `json:"generation,omitempty"`
}
