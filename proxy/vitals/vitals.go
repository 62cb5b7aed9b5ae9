package vitals

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Vitals is what GET /vitals says. Durations are nanoseconds; zero means not known wherever
// zero cannot be.
type Vitals struct {
	Node    string    `json:"node"`             // empty: a sidecar, which has no keeper
	PID     int       `json:"pid"`              // of who answers
	Started time.Time `json:"started"`          // ditto
	Before  string    `json:"before,omitempty"` // how the process before it ended, if that is known
	CA      CA        `json:"ca"`
	Cells   []Cell    `json:"cells"`
	Pods    []Pod     `json:"pods"`
}

// EndedByOrder is the end of a process that somebody told to end.
const EndedByOrder = "ended by order"

// Cell is a process that carries users' bytes, seen from outside.
type Cell struct {
	Name       string        `json:"name"`
	PID        int           `json:"pid"`                  // 0: it is away
	Unanswered int           `json:"unanswered"`           // pings without an answer
	CPU        time.Duration `json:"cpu,omitempty"`        // used so far, by all processes of the cell
	CPULimit   float64       `json:"cpuLimit,omitempty"`   // cores
	Throttled  time.Duration `json:"throttled,omitempty"`  // time that it was kept from a CPU by that
	Memory     int64         `json:"memory,omitempty"`     // bytes charged to it
	MemoryMost int64         `json:"memoryMost,omitempty"` // its wall
	Files      int           `json:"files,omitempty"`      // descriptors
	FilesMost  int           `json:"filesMost,omitempty"`
	Death      *Death        `json:"death,omitempty"` // its last
}

// Death is the end of a process that nobody had told to end.
type Death struct {
	At     time.Time `json:"at"`
	Status string    `json:"status"`
	Killed string    `json:"killed,omitempty"` // why its keeper killed it; empty: it did not
}

// Pod is the sockets of one pod, added up.
type Pod struct {
	UID       string       `json:"uid"`
	Node      string       `json:"node,omitempty"` // where it runs
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Doors     []Door       `json:"doors,omitempty"`
	Peers     []Peer       `json:"peers,omitempty"`
	Held      int          `json:"held,omitempty"`      // connections at our ports, which cost descriptors of whoever serves the pod
	Rules     string       `json:"rules,omitempty"`     // what is wrong with those that capture it
	Recapture int          `json:"recapture,omitempty"` // how often they were put back, by this keeper
	Problem   string       `json:"problem,omitempty"`   // why the sockets are not known

	// What a sidecar sees in place of rules:
	Beside    int `json:"beside,omitempty"`    // connections of the application that leave the pod past the data plane
	Unreached int `json:"unreached,omitempty"` // our own to the application that it does not answer, not even its kernel
}

// Door is a listening socket.
type Door struct {
	Port    uint16 `json:"port"`
	Waiting uint32 `json:"waiting"` // connections that nobody accepts
	Room    uint32 `json:"room"`
	Socket  uint32 `json:"socket,omitempty"` // its inode: another one is another socket, of whoever listens there since; 0: not known
}

// Peer is what tunnels from this pod to one address go through.
type Peer struct {
	Address    netip.Addr    `json:"address"`
	Tunnels    int           `json:"tunnels"`    // connected
	Connecting int           `json:"connecting"` // whose first packet was sent again
	Stuck      int           `json:"stuck"`      // connected, and what was sent is not acknowledged after a second try
	Unheard    time.Duration `json:"unheard"`    // of those, since the last acknowledgement: the longest
	RTT        time.Duration `json:"rtt"`        // the median
	MinRTT     time.Duration `json:"minRTT"`     // the least
	Sent       uint64        `json:"sent"`       // segments, of tunnels that are there
	Resent     uint64        `json:"resent"`
}

// OurPort says whether a listening socket on that port is a data plane's.
func OurPort(port uint16) bool {
	for _, p := range []redirect.Ports{redirect.NodePorts, redirect.SidecarPorts} {
		if port == p.Outbound || port == p.Plaintext || port == p.HBONE {
			return true
		}
	}
	return false
}

// Summarize adds up the sockets of a pod. Tunnels are told by their far port: whoever
// dials it speaks HBONE.
func Summarize(uid string, all []Socket, addresses []netip.Addr) Pod {
	p := Pod{UID: uid, Addresses: addresses}
	rtts := map[netip.Addr][]time.Duration{}
	for _, s := range all {
		switch {
		case s.State == Listen:
			p.Doors = append(p.Doors, Door{Port: s.Local.Port(), Waiting: s.Waiting, Room: s.Room, Socket: s.Inode})
		case s.State == FinWait1 || s.State == FinWait2: // nobody has it any more
		case OurPort(s.Local.Port()):
			p.Held++
		case s.Remote.Port() == redirect.NodePorts.HBONE:
			p.peer(s.Remote.Addr()).add(s)
			if s.State != SynSent && s.RTT > 0 {
				rtts[s.Remote.Addr()] = append(rtts[s.Remote.Addr()], s.RTT)
			}
		}
	}
	for i := range p.Peers {
		if of := rtts[p.Peers[i].Address]; len(of) > 0 {
			slices.Sort(of)
			p.Peers[i].RTT = of[len(of)/2]
		}
	}
	slices.SortFunc(p.Doors, func(a, b Door) int { return cmp.Compare(a.Port, b.Port) })
	slices.SortFunc(p.Peers, func(a, b Peer) int { return a.Address.Compare(b.Address) })
	return p
}

func (p *Pod) peer(a netip.Addr) *Peer {
	i := slices.IndexFunc(p.Peers, func(x Peer) bool { return x.Address == a })
	if i < 0 {
		i = len(p.Peers)
		p.Peers = append(p.Peers, Peer{Address: a})
	}
	return &p.Peers[i]
}

// stuckAfter is how many tries of one segment are more than bad luck: the second one
// comes 200 ms and more after the first.
const stuckAfter = 2

func (p *Peer) add(s Socket) {
	if s.State == SynSent {
		if s.Tries > 0 { // every tunnel begins with a first
			p.Connecting++
		}
		return
	}
	p.Tunnels++
	if s.Unanswered > 0 && s.Tries >= stuckAfter {
		p.Stuck++
		p.Unheard = max(p.Unheard, s.Unheard)
	}
	if p.MinRTT == 0 || s.MinRTT > 0 && s.MinRTT < p.MinRTT {
		p.MinRTT = s.MinRTT
	}
	p.Sent += uint64(s.Sent)
	p.Resent += uint64(s.Resent)
}

func (d *Death) String() string {
	if d.Killed != "" {
		return d.Status + " by its keeper: " + d.Killed
	}
	return d.Status
}

// OutOfMemory says whether the kernel ended it at its memory wall.
func (d *Death) OutOfMemory() bool { return strings.Contains(d.Status, outOfMemory) }

// outOfMemory is how a status says so.
const outOfMemory = "out of memory"
