package keeper

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

var quicPod = Pod{UID: "a/own", Name: "own", Namespace: "a", ServiceAccount: "own"}

// keeperOn is a keeper without a mesh, and thus without cells, that has QUIC on.
func keeperOn(t *testing.T, s *shelf) (*Keeper, *lockedBuffer) {
	t.Helper()
	k, _, log := newTalkingKeeper(t)
	k.snapshot.Store(nil)
	k.holder, k.config.Tunnels.QUIC.On = s, true
	return k, log
}

// quicNamespace is a namespace of its own.
func quicNamespace(t *testing.T) *netns.Namespace {
	t.Helper()
	return sandbox.NewPair(t).A
}

// taken is the pod, taken in.
func (k *Keeper) taken(t *testing.T, ns *netns.Namespace) *pod {
	t.Helper()
	p, err := k.takePod(quicPod, ns)
	if err != nil {
		t.Fatal(err)
	}
	p.cell = newCell("workload/" + p.UID)
	p.cell.pods[p.UID] = p
	k.pods[p.UID] = p
	return p
}

// reader is a process of the pod's cell that may speak QUIC.
func (k *Keeper) reader(p *pod, generation int) *process {
	x := &process{cell: p.cell, generation: generation, datagrams: true, pods: map[string]*pod{}, now: map[string]telemetry.Counts{}, views: map[string]string{}, series: k.series.Account()}
	k.processes[x.name()] = x
	return x
}

// adoptFrom has a keeper find what another left. It runs no cell.
func (k *Keeper) adoptFrom(t *testing.T, s *shelf) {
	t.Helper()
	for _, h := range s.held {
		f, err := again(h.File)
		if err != nil {
			t.Fatal(err)
		}
		h.File = f
		if err := k.adoptHeld(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	k.adoptPods()
	for _, p := range k.pods {
		p.unwatch()
	}
}

func (s *shelf) label(t *testing.T) (l podLabel) {
	t.Helper()
	if err := json.Unmarshal(s.held[heldNetns+quicPod.UID].Label, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *shelf) sockets() (n int) {
	for name := range s.held {
		if strings.HasPrefix(name, heldQUIC) {
			n++
		}
	}
	return n
}

// dieAmid has a keeper die after so many things that it holds of the pod.
func dieAmid(t *testing.T, s *shelf, ns *netns.Namespace, last int) {
	t.Helper()
	k, _ := keeperOn(t, s)
	s.last = last
	defer func() {
		if died := recover(); died != errDied {
			t.Fatalf("after %d the keeper goes on: %v", last, died)
		}
	}()
	_, _ = k.takePod(quicPod, ns)
}

// Wherever a keeper dies while it takes a pod in, the next has all that QUIC needs, and has noted it; or
// nothing, if QUIC is off by then.
func TestAKeeperDiesAmidThePodsSockets(t *testing.T) {
	for last := 1; last <= 1+steer.Slots; last++ {
		ns, s := quicNamespace(t), newShelf(t)
		dieAmid(t, s, ns, last)
		next, _ := keeperOn(t, s)
		next.adoptFrom(t, s)
		p := next.pods[quicPod.UID]
		if p == nil || !p.quic.there() || s.sockets() != steer.Slots || !bytes.Equal(s.label(t).ResetKey, p.quic.key) {
			t.Errorf("after %d: %+v, %d sockets, label %+v", last, p, s.sockets(), s.label(t))
		}
		ns, s = quicNamespace(t), newShelf(t)
		dieAmid(t, s, ns, last)
		off, _ := keeperOn(t, s)
		off.config.Tunnels.QUIC.On = false
		off.adoptFrom(t, s)
		off.lead(off.pods[quicPod.UID])
		if s.sockets() != 0 {
			t.Errorf("after %d, and off: %d sockets", last, s.sockets())
		}
	}
}

// What is held of a pod without a namespace is given up, and the pod can be added again.
func TestSocketsOfNoPod(t *testing.T) {
	ns, s := quicNamespace(t), newShelf(t)
	k, _ := keeperOn(t, s)
	k.taken(t, ns)
	if err := s.Drop(heldNetns + quicPod.UID); err != nil {
		t.Fatal(err)
	}
	next, _ := keeperOn(t, s)
	next.adoptFrom(t, s)
	if len(next.pods) != 0 || len(s.held) != 0 {
		t.Errorf("adopted %v, held %v", next.pods, s.held)
	}
	if p := next.taken(t, ns); !p.quic.there() {
		t.Error("added again, the pod has no QUIC")
	}
}

// A pod whose application has the port is in the mesh all the same.
func TestThePortIsTaken(t *testing.T) {
	ns, s := quicNamespace(t), newShelf(t)
	c, err := ns.ListenUDP(redirect.NodePorts.HBONE, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	k, _ := keeperOn(t, s)
	p := k.taken(t, ns)
	if d := k.duty(p, k.reader(p, 1)); d.slot != noSlot || s.sockets() != 0 {
		t.Errorf("slot %d, %d sockets held", d.slot, s.sockets())
	}
}

// Who was started while QUIC was off has none when it is on, and the other way round.
func TestQUICIsTurnedOffAndOn(t *testing.T) {
	ns, s := quicNamespace(t), newShelf(t)
	k, _ := keeperOn(t, s)
	p := k.taken(t, ns)
	old := k.reader(p, 1)
	old.datagrams = false
	if d := k.duty(p, old); d.slot != noSlot {
		t.Errorf("slot %d for a process whose jail forbids QUIC", d.slot)
	}
	d := k.duty(p, k.reader(p, 2))
	if d.slot == noSlot {
		t.Fatal("no slot")
	}
	k.config.Tunnels.QUIC.On = false
	if d := k.duty(p, k.reader(p, 3)); d.slot != noSlot {
		t.Errorf("slot %d with QUIC off", d.slot)
	}
	if s.sockets() != steer.Slots {
		t.Errorf("%d sockets held while one is read", s.sockets())
	}
	k.end(d)
	if s.sockets() != 0 {
		t.Errorf("%d sockets held that nobody shall read", s.sockets())
	}
}

// A socket that somebody connected: nobody is led by its group any more, and who announces QUIC is replaced.
func TestASpoiledSocket(t *testing.T) {
	ns, s := quicNamespace(t), newShelf(t)
	k, log := keeperOn(t, s)
	p := k.taken(t, ns)
	hostile := k.duty(p, k.reader(p, 1))
	_, f, err := k.socket(hostile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	connected(t, f)
	p.cell.current = hostile.process
	k.do(func() {
		if d := k.duty(p, k.reader(p, 2)); d.slot != noSlot {
			t.Errorf("slot %d of a spoiled group", d.slot)
		}
	})
	eventually(t, "who announces QUIC is to be replaced", func() (err error) {
		k.do(func() {
			if !p.cell.again {
				err = errors.New("it is not")
			}
		})
		return err
	})
	if k.spoiled != 1 || s.sockets() != 0 || !strings.Contains(log.String(), "a UDP socket was damaged") {
		t.Errorf("%d counted, %d sockets held, log %s", k.spoiled, s.sockets(), log)
	}
	next, _ := keeperOn(t, s) // while whoever did it has the socket, there is no other
	next.adoptFrom(t, s)
	if next.pods[quicPod.UID].quic.there() {
		t.Error("sockets beside the spoiled one")
	}
}

// A process that connects its socket and lives on, in a pod in which nothing else happens: the periodic look finds it,
// whatever the custody of listeners, and so does a verification.
func TestASpoiledSocketIsFoundInTime(t *testing.T) {
	for name, look := range map[string]func(k *Keeper, p *pod){
		"looking":   func(k *Keeper, _ *pod) { k.do(k.inspectAll) },
		"verifying": func(k *Keeper, p *pod) { _, _ = k.verify(t.Context(), p.UID) },
	} {
		t.Run(name, func(t *testing.T) {
			ns, s := quicNamespace(t), newShelf(t)
			k, _ := keeperOn(t, s)
			k.config.Custody = CustodyCell
			p := k.taken(t, ns)
			p.placed = None // where verify asks nobody else
			_, f, err := k.socket(k.duty(p, k.reader(p, 1)))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			connected(t, f)
			look(k, p)
			eventually(t, "it is given up", func() (err error) {
				k.do(func() {
					if k.spoiled != 1 || p.quic.there() {
						err = errors.New("it is not")
					}
				})
				return err
			})
			v, err := k.verify(t.Context(), p.UID)
			found := func(f admin.Finding) bool {
				return f.Check == admin.CheckQUIC && strings.Contains(f.Found, "left the group")
			}
			if err != nil || !slices.ContainsFunc(v.Findings, found) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// connected is what spoils a socket.
func connected(t *testing.T, f *os.File) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	controlled := raw.Control(func(fd uintptr) {
		err = unix.Connect(int(fd), &unix.SockaddrInet6{Port: 9, Addr: [16]byte{15: 1}})
	})
	if err := errors.Join(controlled, err); err != nil {
		t.Fatal(err)
	}
}

// A process drains a pod and serves it again; its keeper dies. That the drain is over reaches
// the next, and the slot is free.
func TestAnAdoptedDrainFreesItsSlot(t *testing.T) {
	ns, s := quicNamespace(t), newShelf(t)
	first, _ := keeperOn(t, s)
	p := first.taken(t, ns)
	p.cell.current = first.reader(p, 1)
	d := first.duty(p, p.cell.current)
	first.release(d)
	first.serve(p)
	if !slices.Equal(d.slots(), []int{1, 0}) {
		t.Fatalf("slots %v", d.slots())
	}
	next, _ := keeperOn(t, s)
	x := next.reader(p, 1)
	next.adoptFrom(t, s)
	adopted := next.pods[quicPod.UID]
	adopted.cell = newCell(x.cell.group)
	if d = adopted.duties[x]; d == nil || d.dropping || !adopted.reads(0) || !adopted.reads(1) {
		t.Fatalf("adopted %+v", d)
	}
	next.doneServing(x, &cell.Done{UID: quicPod.UID, Dropped: true})
	if adopted.reads(0) || !adopted.reads(1) || len(s.label(t).Drops) != 0 {
		t.Errorf("slots %v after the drain, label %+v", d.slots(), s.label(t))
	}
}

// standstill is an anchor that does not answer who fetches, until it is let go on, and then refuses.
type standstill struct {
	*shelf
	asked, goOn chan struct{}
}

func (s *standstill) Fetch(string) (*os.File, error) {
	s.asked <- struct{}{}
	<-s.goOn
	return nil, errors.New("it stood still")
}

// A look at a pod's sockets waits for an anchor that stands still, and the keeper's loop does not. What
// could not be looked at is not well.
func TestALookWaitsForTheAnchorAlone(t *testing.T) {
	s := newShelf(t)
	k, _ := keeperOn(t, s)
	p := k.taken(t, quicNamespace(t))
	still := &standstill{s, make(chan struct{}), make(chan struct{})}
	k.do(func() { k.holder = still })
	looked := make(chan error)
	go func() { looked <- k.lookAtDatagrams(p) }()
	<-still.asked
	if !k.do(func() { k.holder = s }) {
		t.Error("the keeper has ended")
	}
	close(still.goOn)
	if err := <-looked; err == nil || !strings.Contains(err.Error(), "stood still") {
		t.Errorf("it says %v", err)
	}
	if err := k.lookAtDatagrams(p); err != nil {
		t.Errorf("the next look says %v", err)
	}
}
