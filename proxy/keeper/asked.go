package keeper

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// maxAsked bounds what a process can make the keeper remember. Beyond, every push
// makes it ask for everything anew, as if nothing were remembered.
const maxAsked = 1 << 16

// asked is what a process has asked for, and may have answers of. A push to a mesh of
// 100,000 workloads is news to a cell only where it talks to; to tell every cell of
// every address, or to have it forget all that it knows, would make each push a storm
// of questions.
type asked struct {
	mu        sync.Mutex
	addresses map[netip.Addr]struct{}
	overflown bool
}

// note remembers that an address is asked for. It is for good: an answer may be under way.
func (a *asked) note(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.overflown {
		return
	}
	if a.addresses == nil {
		a.addresses = map[netip.Addr]struct{}{}
	}
	a.addresses[addr.Unmap()] = struct{}{}
	if len(a.addresses) > maxAsked {
		a.addresses, a.overflown = nil, true
	}
}

// touched are the addresses asked for whose answers an effect changes.
func (a *asked) touched(e mesh.Effect) (addresses []netip.Addr, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.All() || a.overflown {
		return nil, true
	}
	for addr := range a.addresses {
		if e.Touches(addr) {
			addresses = append(addresses, addr)
		}
	}
	return addresses, false
}

// outdated is what to tell a process of a new snapshot: nothing, when nothing of it is
// news to its workloads.
func (x *process) outdated(version uint64, e mesh.Effect) (out []*cell.Invalidate) {
	if e.None() {
		return nil
	}
	addresses, all := x.asked.touched(e)
	if all {
		return []*cell.Invalidate{{Version: version}}
	}
	var workloads []string
	for uid := range x.snapshot() {
		if e.Changed(uid) {
			workloads = append(workloads, uid)
		}
	}
	for part := range slices.Chunk(addresses, cell.MaxInvalid) {
		out = append(out, &cell.Invalidate{Version: version, Addresses: part})
	}
	for part := range slices.Chunk(workloads, cell.MaxInvalid/10) { // a UID may be ten times as long
		out = append(out, &cell.Invalidate{Version: version, Workloads: part})
	}
	return out
}
