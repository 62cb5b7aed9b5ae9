package keeper

import (
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// A foreign process is one that speaks another version of the channel's protocol: it
// was started before an upgrade. To greet it would end it, and every connection in it.
// So it is not spoken with: it goes on with what it knows, policies included, while its
// successor is started at once, and it drains when that serves.

// replaceOutdated has successors started for adopted processes of another version, and for those that are not as
// the node's file says now: only a process that is started with QUIC on may speak it, and what it does with peers
// that move is settled then, too.
func (k *Keeper) replaceOutdated() {
	for _, c := range k.cells {
		switch x := c.current; {
		case x == nil:
			continue
		case x.foreign:
			k.log.Warn("cell of another version is replaced", "cell", c.group, "pid", x.pid, "version", cell.ProtocolVersion)
		case x.datagrams != k.config.Tunnels.QUIC.On, x.datagrams && x.migrates != k.config.Tunnels.Migrate.On:
			k.log.Info("cell is replaced, since the node's file has turned quic or migrate on or off", "cell", c.group, "pid", x.pid, "quic", k.config.Tunnels.QUIC, "migrate", k.config.Tunnels.Migrate)
		default:
			continue
		}
		k.replace(c)
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
