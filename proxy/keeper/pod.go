package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// Pod is a pod on this node, as the CNI plugin or the lab tells it.
type Pod struct {
	UID            string `json:"uid"`
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	// Isolation is chosen for this pod alone, by a move; empty: as the configuration says.
	Isolation Isolation `json:"isolation,omitempty"`
}

func (p Pod) validate() error {
	if p.UID == "" || p.Name == "" || p.Namespace == "" || p.ServiceAccount == "" {
		return errors.New("uid, name, namespace and serviceAccount are required")
	}
	if p.Isolation == "" {
		return nil
	}
	return checkIsolation("isolation", p.Isolation)
}

// pod is a pod with what is held for it.
type pod struct {
	Pod
	netns      *netns.Namespace
	listeners  map[string]bool // those that the anchor holds; none under custody: cell
	served     chan struct{}   // closed when its cell has said Done for the first time
	reported   bool            // served is closed
	err        error           // what the cell said, once served is closed
	dropped    chan struct{}   // set while the pod is being removed
	rules      capture
	recaptured atomic.Int64 // times that somebody else changed them
	member     string       // the group that it belongs to, and since when
	joined     time.Time    //
	quic       datagrams
	moving     chan struct{} // one slot: moves of a pod are one after another

	// Owned by the loop.
	cell      *keptCell
	duties    map[*process]*duty
	answers   chan error       // of the move under way
	noted     map[string]bool  // podLabel.By, until it is adopted
	until     map[string]int64 // podLabel.Until, likewise
	drops     map[string]int   // podLabel.Drops, likewise
	placed    Isolation        // whose rules the pod has; empty: those of a cell on the node
	failing   failing
	suspected bool          // its listeners: somebody who had them died, and nobody has knocked since
	drained   bool          // by an operator: nobody serves it, and new connections are refused
	rolling   *Isolation    // where it was when a rollback that is under way found it drained
	drain     time.Duration // of that
	cut       int           // connections that its last drain cut
	unwatch   func()        // ends the watch on its rules, and waits for that; nil: there is none
	policies  wanted
	fault     standing // strikes every process that serves it
}

func newPod(d Pod, ns *netns.Namespace) *pod {
	return &pod{
		Pod: d, netns: ns, listeners: map[string]bool{}, served: make(chan struct{}),
		moving: make(chan struct{}, 1), duties: map[*process]*duty{}, rules: capture{plan: planOf("", "")},
	}
}

// join notes since when the pod shares a cell with others of its group.
func (p *pod) join(group string) {
	if p.member != group {
		p.member, p.joined = group, time.Now()
	}
}

// Names under which the anchor holds things; what follows the slash is a UID, so
// names are unambiguous, and labels carry the rest.
const (
	heldNetns    = "netns/"
	heldListener = "listener/" // listener/<outbound|plaintext|hbone>/<uid>
	heldChannel  = "channel/"
	heldCell     = "cell/"     // a cell that has died before
	heldHandover = "handover/" // there while one keeper makes room for the next
)

// listenPorts are the listeners of a pod in the order in which they are made.
var listenPorts = []struct {
	name string
	port uint16
}{
	{cell.FileOutbound, redirect.NodePorts.Outbound},
	{cell.FilePlaintext, redirect.NodePorts.Plaintext},
	{cell.FileHBONE, redirect.NodePorts.HBONE},
}

// addPod takes a pod in and returns when it is served and captured. Adding a pod
// again is the same as adding it once; with another namespace it replaces the old.
func (k *Keeper) addPod(ctx context.Context, d Pod, path string) error {
	if err := d.validate(); err != nil {
		return &badRequest{err}
	}
	leave, err := k.entry.pass(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if k.leaving {
		return &badRequest{errLeaving}
	}
	// Two requests for one pod share the work: they would fight for its ports.
	_, err, _ = k.adding.Do(d.UID, func() (any, error) {
		p, err := k.admit(ctx, d, path)
		if err != nil {
			return nil, err
		}
		if err := k.wait(ctx, p); err != nil {
			return nil, err
		}
		if _, err = p.rules.repair(p); err == nil {
			k.watchRules(p)
		}
		return nil, err
	})
	return err
}

// admit finds the pod, or takes what has to be held for it and assigns it to a cell.
func (k *Keeper) admit(ctx context.Context, d Pod, path string) (*pod, error) {
	ns, err := netns.Open(path)
	if err != nil {
		return nil, &badRequest{fmt.Errorf("netns of %s: %w", d.UID, err)}
	}
	var known *pod
	var outside bool
	k.do(func() { known, outside = k.pods[d.UID], isolationOf(k.config.Group(d)).outside() })
	if known != nil && known.netns.Inode() == ns.Inode() {
		return known, ns.Close()
	}
	if known != nil { // the pod was made anew
		if err := k.removePod(ctx, d.UID); err != nil {
			ns.Close()
			return nil, err
		}
	}
	p, err := k.takePod(d, ns)
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	if k.config.Custody == CustodyAnchor && !outside { // listening already: capture at once
		if _, err := p.rules.repair(p); err != nil {
			k.forget(p)
			return nil, errors.Join(err, ns.Close())
		}
	}
	k.do(func() {
		k.pods[d.UID] = p
		k.assign(p)
	})
	return p, nil
}

// takePod has the anchor hold the pod's namespace, and then what is in it: what the next keeper
// finds without a namespace it gives up.
func (k *Keeper) takePod(d Pod, ns *netns.Namespace) (*pod, error) {
	p := newPod(d, ns)
	if k.config.Tunnels.QUIC.On {
		p.quic.key = newResetKey()
	}
	label, err := json.Marshal(podLabel{Pod: d, ResetKey: p.quic.key})
	if err != nil {
		return nil, err
	}
	if err := k.holder.Hold(heldNetns+d.UID, label, ns.File()); err != nil {
		return nil, err
	}
	if k.config.Custody == CustodyAnchor {
		if err := k.holdListeners(p); err != nil {
			k.forget(p)
			return nil, err
		}
	}
	if k.config.Tunnels.QUIC.On {
		k.holdDatagrams(p)
	}
	return p, nil
}

// holdListeners makes the listeners that the anchor does not hold yet. The keeper
// keeps no copy: the runtime would poll it, and wake the keeper for every
// connection of every pod (13 µs each). A cell's copy is fetched when it starts.
func (k *Keeper) holdListeners(p *pod) error {
	for _, l := range listenPorts {
		if p.listeners[l.name] {
			continue
		}
		f, err := listen(p.netns, l.port)
		if err != nil {
			return fmt.Errorf("%s listener of %s: %w", l.name, p.UID, err)
		}
		err = k.holder.Hold(listenerName(l.name, p.UID), nil, f)
		f.Close()
		if err != nil {
			return err
		}
		p.listeners[l.name] = true
	}
	return nil
}

func listenerName(kind, uid string) string { return heldListener + kind + "/" + uid }

// listen makes a listener and returns its descriptor; the keeper never accepts.
func listen(ns *netns.Namespace, port uint16) (*os.File, error) {
	o := netns.ListenOptions{Port: port}
	if port == redirect.NodePorts.HBONE {
		o.Tuning = netns.Peer // which a cell may not choose itself where the kernel restricts it
	}
	l, err := ns.Listen(o)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.File()
}

// forget closes what is held for a pod, here and in the anchor.
func (k *Keeper) forget(p *pod) {
	k.dropListeners(p)
	k.dropDatagrams(p)
	k.drop(heldNetns + p.UID)
}

// dropListeners ends the pod's listening sockets, and with them what nobody has accepted.
func (k *Keeper) dropListeners(p *pod) {
	for name := range p.listeners {
		k.drop(listenerName(name, p.UID))
	}
	clear(p.listeners)
}

// drop gives up a held descriptor. An anchor that does not answer ends the keeper
// by its own event, so the error is only worth a line.
func (k *Keeper) drop(name string) {
	if err := k.holder.Drop(name); err != nil {
		k.log.Warn("anchor", "drop", name, "error", err)
	}
}

// wait returns when the pod is served, or why it is not.
func (k *Keeper) wait(ctx context.Context, p *pod) error {
	select {
	case <-p.served:
	case <-ctx.Done():
	case <-k.ended:
		return errEnding
	}
	var err error
	var reported bool
	k.do(func() { err, reported = p.err, p.reported })
	if !reported {
		return fmt.Errorf("pod %s is not served: %w", p.UID, errors.Join(context.Cause(ctx), err))
	}
	return err
}

var errEnding = errors.New("the keeper is ending")

// removePod takes a pod out of the mesh: capture and listeners, then its connections, then
// the rest. It returns when nothing is left in the pod.
func (k *Keeper) removePod(ctx context.Context, uid string) error {
	var p *pod
	var unwatch func()
	k.do(func() {
		if p = k.pods[uid]; p == nil {
			return
		}
		delete(k.pods, uid)
		unwatch = p.unwatch
		p.dropped = make(chan struct{})
		p.answer(errMovedAway)
		k.unassign(p)
	})
	if p == nil {
		return &notFound{fmt.Errorf("no pod %q on this node; it has: %s", uid, strings.Join(k.podNames(), ", "))}
	}
	if unwatch != nil {
		unwatch() // or it would put back what is removed now
	}
	limit, cancel := context.WithTimeout(ctx, time.Duration(k.config.Drain)+5*time.Second)
	defer cancel()
	var left sync.WaitGroup
	left.Go(func() {
		select {
		case <-p.dropped:
			k.dropListeners(p) // who waits there waits for nobody, and Remove would wait for them
		case <-limit.Done():
		}
	})
	err := rules.Remove(limit, p.netns)
	left.Wait()
	k.forget(p)
	return errors.Join(err, p.netns.Close())
}

func (k *Keeper) podNames() []string {
	var names []string
	k.do(func() {
		for uid := range k.pods {
			names = append(names, uid)
		}
	})
	return names
}
