package keeper

import (
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// pushes counts what discovery costs on a channel: what the keeper says to a cell
// because the mesh or its pods changed, and not what the cell asked for. Pings are
// none either: they would drown it.
type pushes struct{ messages, bytes atomic.Uint64 }

func (p *pushes) add(bytes int) {
	p.messages.Add(1)
	p.bytes.Add(uint64(bytes))
}

func isPush(m *cell.Message) bool {
	return m.Serve != nil || m.Drop != nil || m.Judge != nil || m.Invalidate != nil
}
