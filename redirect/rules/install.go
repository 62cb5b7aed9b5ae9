package rules

import (
	"errors"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Install captures with the listeners of p's placement. It can be repeated, and
// a change of placement is one batch: each new connection goes to the old
// listeners or to the new ones, and established connections stay where they
// are. The listeners should be there first; until they are, new connections
// are refused. When it fails where nothing was installed, it leaves nothing.
//
// What keeps and guards captured connections is installed before the first
// connection can be captured. The namespace's lo must be up.
func Install(n *netns.Namespace, p Plan) error {
	if err := p.check(); err != nil {
		return err
	}
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	before, err := k.installed()
	if err != nil {
		return err
	}
	err = k.install(p)
	if err != nil && !before {
		return errors.Join(err, k.clear())
	}
	return err
}

// install puts all tables in one batch. With what keeps first, a connection that begins
// between two batches would meet NAT without the rule that redirects, and go past capture
// until it ends.
func (k *kernel) install(p Plan) error {
	if err := k.addRoutes(); err != nil {
		return err
	}
	return k.put(StepTable, keepTable(), guardTable(false), captureTable(p))
}

// secure installs what keeps and guards captured connections.
func (k *kernel) secure() error {
	if err := k.put(StepTable, keepTable(), guardTable(false)); err != nil {
		return err
	}
	return k.addRoutes()
}

// clear removes what keeps and guards captured connections, and what conntrack remembers
// of them. There must be none.
func (k *kernel) clear() error {
	if err := k.drop(keepName, guardName); err != nil {
		return err
	}
	if err := k.forget(translated{}); err != nil {
		return err
	}
	return k.deleteRoutes()
}
