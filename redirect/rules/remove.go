package rules

import (
	"context"
	"slices"
	"time"

	"github.com/google/nftables"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// How often Remove looks whether captured connections are left, less often the
// longer it waits; and how often it tries to cut them.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = 320 * time.Millisecond
	cutRounds = 10
)

// Release stops capturing new connections: they go direct. Captured ones stay
// captured, until they end or Remove ends them.
func Release(n *netns.Namespace) error {
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	return k.release()
}

// Wait returns when no captured connection is left, or ctx is done. It changes nothing: who
// gives up waiting has not cut what Remove would cut then.
func Wait(ctx context.Context, n *netns.Namespace) error {
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	return k.waitEmpty(ctx)
}

// Remove ends capture. New connections go direct at once; captured ones may end
// by themselves until ctx is done, and are then cut: both ends see a reset. After
// that nothing of Install is left. The proxy should refuse new streams for the
// pod first, since each is a captured connection.
//
// When connections cannot be cut, Remove returns *StillCapturedError and leaves
// everything but the redirecting table in place. It can be repeated, and on a
// namespace without rules does nothing.
func Remove(ctx context.Context, n *netns.Namespace) error {
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.release(); err != nil {
		return err
	}
	if err := k.emptied(ctx); err != nil {
		return err
	}
	// By now a packet of a captured connection can only be one without bytes.
	return k.clear()
}

// release deletes the redirecting table. Whoever damaged our tables may have
// deleted the other two: without them this would send captured connections out
// in plaintext, so they are put back first.
func (k *kernel) release() error {
	installed, err := k.installed()
	if err != nil || !installed {
		return err
	}
	if err := k.secure(); err != nil {
		return err
	}
	return k.drop(captureName)
}

// emptied returns when no captured connection is left and none can begin.
func (k *kernel) emptied(ctx context.Context) error {
	installed, err := k.installed()
	if err != nil || !installed {
		return err // none is captured: there is nothing that could mark or keep it
	}
	for {
		if err := k.waitEmpty(ctx); err != nil {
			return err
		}
		// A delivery may have begun after the last look. The door keeps further
		// ones out, so this look is final.
		if err := k.put(StepTable, guardTable(true)); err != nil {
			return err
		}
		open, err := k.captured()
		if err != nil || len(open) == 0 {
			return err
		}
		if ctx.Err() != nil {
			return k.cutAll()
		}
	}
}

// waitEmpty waits until no captured connection is open or ctx is done. It looks
// again and again: conntrack announces the end of its entries, which is not the
// end of the connection, and sockets announce nothing that tells captured ones.
func (k *kernel) waitEmpty(ctx context.Context) error {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		open, err := k.captured()
		if err != nil || len(open) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// cutAll resets captured connections until none is left. Those that it resets
// are gone at once; more than one round is for those that were being set up.
func (k *kernel) cutAll() error {
	for range cutRounds {
		open, err := k.captured()
		if err != nil || len(open) == 0 {
			return err
		}
		for _, c := range open {
			if err := k.cut(c); err != nil {
				return err
			}
		}
	}
	open, err := k.captured()
	if err != nil || len(open) == 0 {
		return err
	}
	return &StillCapturedError{Namespace: k.ns.Inode(), Connections: len(open)}
}

// installed reports whether any of our tables is there.
func (k *kernel) installed() (bool, error) {
	ts, err := k.nft.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, k.fail(StepList, "tables", err)
	}
	ours := func(t *nftables.Table) bool { return slices.Contains(ourTables, t.Name) }
	return slices.ContainsFunc(ts, ours), nil
}
