package keeper

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// QUIC of a pod: its UDP sockets, which the anchor holds from the pod's first day to its last,
// whatever the custody of listeners is; and the key of stateless resets, by which peers of a
// process that died hear from its successor that their connections are lost. That a pod has none
// is no failure: its peers stay on HTTP/2.

// heldQUIC is quic/<slot>/<uid>.
const heldQUIC = "quic/"

func quicName(slot int, uid string) string { return fmt.Sprintf("%s%d/%s", heldQUIC, slot, uid) }

// datagrams are a pod's. The loop owns them.
type datagrams struct {
	held [steer.Slots]bool // by the anchor
	key  []byte            // of stateless resets; in the label before there are sockets
	led  steer.To          // how packets are led
	lost error             // why there are none, though the node's file says on
	// unled is why packets could not be led when that was tried last. It is tried again.
	unled error
	// noted are podLabel.Slots, until they are adopted.
	noted map[string][]int
}

// there says whether the pod has all of its sockets, and the key without which a process could not use one.
func (d *datagrams) there() bool {
	return len(d.key) == resetKeySize && !slices.Contains(d.held[:], false)
}

const resetKeySize = 32

func newResetKey() []byte {
	key := make([]byte, resetKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// holdDatagrams has the anchor hold sockets for a pod whose key is noted: whatever a keeper
// that dies here leaves, the next one makes them anew, since no process has one yet.
func (k *Keeper) holdDatagrams(p *pod) {
	if err := k.makeDatagrams(p); err != nil {
		k.dropDatagrams(p)
		p.quic.lost = err
		k.log.Error("no QUIC", "workload", p.UID, "error", err)
	}
}

func (k *Keeper) makeDatagrams(p *pod) error {
	group, err := steer.Open(p.netns, redirect.NodePorts.HBONE, redirect.MarkProxy)
	if err != nil {
		return err
	}
	defer closeAll(group)
	for slot, f := range group {
		if err := k.holder.Hold(quicName(slot, p.UID), nil, f); err != nil {
			return err
		}
		p.quic.held[slot] = true
	}
	return nil
}

// adoptDatagrams makes up for what the last keeper did not get to, or was not configured to. It
// comes after the duties: it writes the label anew.
func (k *Keeper) adoptDatagrams(p *pod) {
	if p.quic.there() {
		return // off: lead gives them up when nobody reads them any more
	}
	k.dropDatagrams(p) // a part of a group is none
	if !k.config.Tunnels.QUIC.On {
		return
	}
	p.quic.key = newResetKey()
	k.note(p)
	k.holdDatagrams(p)
}

// dropDatagrams gives up what the anchor holds of a pod's sockets.
func (k *Keeper) dropDatagrams(p *pod) {
	for slot, held := range p.quic.held {
		if held {
			k.drop(quicName(slot, p.UID))
		}
	}
	p.quic.held, p.quic.key = [steer.Slots]bool{}, nil
}

// lead has the kernel lead the pod's packets to those who read them now, and looks at each socket on
// the way: one may be spoiled by whoever has had it.
func (k *Keeper) lead(p *pod) {
	if k.leads(p) {
		group, err := k.group(p.UID)
		defer closeAll(group)
		_ = k.leadGroup(p, group, err)
	}
}

// lookAtDatagrams is lead without a change: it waits for the anchor outside of the loop, where one that stands still would
// hold up all else for 30 s a pod. It says why the pod has no QUIC, or why that could not be looked at.
func (k *Keeper) lookAtDatagrams(p *pod) (why error) {
	due := false
	k.do(func() { due, why = k.leads(p), p.quic.lost })
	if !due {
		return why
	}
	group, err := k.group(p.UID)
	defer closeAll(group)
	k.do(func() {
		if k.leads(p) {
			why = k.leadGroup(p, group, err)
		}
		why = cmp.Or(p.quic.lost, why)
	})
	return why
}

// leads says whether the pod's packets are led. Sockets that nobody reads any more are given up.
func (k *Keeper) leads(p *pod) bool {
	switch {
	case !p.quic.there() || p.dropped != nil:
		return false
	case !k.config.Tunnels.QUIC.On && !p.anyReads():
		k.dropDatagrams(p)
		return false
	}
	return true
}

// group fetches a pod's sockets, to be closed by the caller also when there is an error.
func (k *Keeper) group(uid string) (group []*os.File, err error) {
	for slot := range steer.Slots {
		f, err := k.holder.Fetch(quicName(slot, uid))
		if err != nil {
			return group, err
		}
		group = append(group, f)
	}
	return group, nil
}

// leadGroup leads the pod's packets through its sockets, if those could be fetched.
func (k *Keeper) leadGroup(p *pod, group []*os.File, err error) error {
	to, spoiled := p.leading(), (*steer.SpoiledError)(nil)
	if err == nil {
		err = steer.Lead(group, to)
	}
	switch {
	case errors.As(err, &spoiled):
		k.giveUpDatagrams(p, err)
	case err == nil:
		p.quic.led = to
	case p.quic.unled == nil: // once, not at each look
		k.log.Error("packets of QUIC are not led to a new process", "workload", p.UID, "error", err)
	}
	p.quic.unled = err
	return err
}

// giveUpDatagrams leaves a pod without QUIC whose sockets a process has spoiled: the kernel has renumbered the
// others, so that packets reach processes that answer them with resets, and nothing puts that right. Who
// announces QUIC still is replaced. The next keeper makes the sockets anew, if nobody has them any more.
func (k *Keeper) giveUpDatagrams(p *pod, why error) {
	k.log.Error("a UDP socket was damaged: the workload has no QUIC any more", "workload", p.UID, "damage", why)
	k.spoiled++
	k.dropDatagrams(p)
	p.quic.lost = why
	for x, d := range p.duties {
		if d.slot == noSlot || x.cell.current != x {
			continue
		}
		k.running.Go(func() { // the loop may be in the midst of the cell's processes
			k.do(func() {
				if x.cell.current == x {
					k.replace(x.cell)
				}
			})
		})
	}
}

// socket is what a process needs for QUIC; nil: it has none.
func (k *Keeper) socket(d *duty) (*cell.QUIC, *os.File, error) {
	if d.slot == noSlot || !d.pod.quic.there() {
		return nil, nil, nil
	}
	f, err := k.holder.Fetch(quicName(d.slot, d.pod.UID))
	if err != nil {
		return nil, nil, err
	}
	return &cell.QUIC{Slot: uint8(d.slot), Key: d.pod.quic.key}, f, nil
}
