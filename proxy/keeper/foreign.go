package keeper

import (
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// A foreign process is one that speaks another version of the channel's protocol: it
// was started before an upgrade. To greet it would end it, and every connection in it.
// So it is not spoken with: it goes on with what it knows, policies included, while its
// successor is started at once, and it drains when that serves.

// replaceForeign has successors started for adopted processes of another version.
func (k *Keeper) replaceForeign() {
	for _, c := range k.cells {
		if c.current != nil && c.current.foreign {
			k.log.Warn("cell of another version is replaced", "cell", c.group, "pid", c.current.pid, "version", cell.ProtocolVersion)
			k.replace(c)
		}
	}
}

// dismiss ends a foreign process that others serve every pod of. SIGTERM is what any
// version understands: it drains.
func (k *Keeper) dismiss(x *process) {
	if x.stopping {
		return
	}
	for _, p := range x.snapshot() {
		if d := p.duties[x]; d != nil && !d.dropping {
			return
		}
	}
	k.stop(x, "a successor of this version serves")
}
