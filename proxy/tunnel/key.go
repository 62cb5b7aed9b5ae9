package tunnel

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Key says which streams may share a tunnel: those of one source identity, to
// one set of accepted identities at one address, from one source address. It is
// comparable, so it is the map key itself: a hash of it would need a deep
// comparison behind it, and a forgotten one would mix identities.
type Key struct {
	Source      identity.ID
	Destination string // canonical list of accepted identities, see Destinations
	Address     netip.AddrPort
	SourceIP    netip.Addr // zero: the kernel picks
}

// Destinations returns the canonical form of a set of accepted identities:
// sorted, without repetition, joined by commas (which no SPIFFE ID contains).
func Destinations(ids ...identity.ID) string {
	list := make([]string, 0, len(ids))
	for _, id := range ids {
		list = append(list, id.String())
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ",")
}
