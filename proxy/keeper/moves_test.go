package keeper

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// places is every way from each of four places to each other, once.
var places = []Isolation{None, Sidecar, PerWorkload, Shared, Sidecar, None, PerWorkload, None, Shared, PerWorkload, Sidecar, Shared}

// I1, I2, I7: client and server of a load go round through all places, and no connection
// notices: none is refused, none is reset, and what began in the mesh is never in plaintext.
//
// BULKHEAD_MOVES=100 makes the moves a hundred, and the load that of the bar: 500 new
// connections a second, and 100 that live for eight moves each. Without it there are six.
func TestMovesUnderLoad(t *testing.T) {
	moves, rate, long := 6, 100, 10
	if v := os.Getenv("BULKHEAD_MOVES"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal("BULKHEAD_MOVES: ", err)
		}
		moves, rate, long = n, 500, 100
	}
	n := startNode(t, "isolation: shared\ndrain: 10m\n")
	n.echo(t)
	r := &round{node: n, t: t, wire: sandbox.NewSniffer(t, n.B), at: map[string]Isolation{"a/client": Shared, "a/server": Shared}, sidecars: map[string]func(){}}
	r.load = newLoad(t, n, rate, long)
	each := int64(rate / 2) // new connections between two moves: half a second, if the machine can
	uids := []string{"a/server", "a/client"}
	var took []time.Duration
	leaks := 0
	began := time.Now()
	for i := range moves {
		took = append(took, r.move(uids[i%2], places[i/2%len(places)]))
		r.load.renew(8)
		r.load.await(t, each)
		leaks += r.wire.Took([]byte(insideMesh))
		if err := r.load.first.Load(); err != nil {
			r.load.stop() // or the sidecars would drain for as long as its connections live
			t.Fatalf("move %d, of %s to %s, was noticed: %v; %s", i+1, uids[i%2], places[i/2%len(places)], *err, r.load)
		}
		if moves > 20 && i%10 == 9 {
			t.Logf("%d moves in %v: %s", i+1, time.Since(began).Round(time.Second), r.load)
		}
	}
	lasted := time.Since(began)
	if r.load.made.Load() == 0 || r.load.said.Load() == 0 {
		t.Error("there was no load")
	}
	r.load.stop()
	r.ending.Wait()
	leaks += r.wire.Took([]byte(insideMesh))
	slices.Sort(took)
	t.Logf("%d moves in %v, each in %v (the slowest %v); %s; %d packets with a marker of the mesh", moves, lasted.Round(time.Millisecond),
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), r.load, leaks)
	if leaks > 0 {
		t.Errorf("%d packets with a marker of the mesh are in plaintext", leaks)
	}
}

// A round is where the two pods of the load are, and what their peers are told of it.
type round struct {
	*node
	t    *testing.T
	wire *sandbox.Sniffer
	load *load
	at   map[string]Isolation
	word int
	// sidecars are those that run, and ending those that end: their long connections drain.
	sidecars map[string]func()
	ending   sync.WaitGroup
}

// move moves one pod as an operator does it: the mesh hears that the server leaves
// before it does, and that it is back after it is. It returns what the keeper's part took.
func (r *round) move(uid string, to Isolation) time.Duration {
	r.t.Helper()
	if to == None {
		r.load.expose(true)
		if uid == "a/server" {
			r.announce("TCP")
			r.awaitPlaintext(true)
		}
	}
	r.startFor(uid, to)
	began := time.Now()
	r.node.move(r.t, uid, to)
	took := time.Since(began)
	if stop := r.sidecars[uid]; r.at[uid] == Sidecar && stop != nil {
		r.ending.Go(stop)
	}
	r.at[uid] = to
	if uid == "a/server" && to != None {
		r.announce("HBONE")
	}
	if r.at["a/server"] != None && r.at["a/client"] != None {
		r.awaitPlaintext(false)
		r.load.expose(false)
	}
	return took
}

// startFor starts the sidecar to which a pod moves, as a kubelet does.
func (r *round) startFor(uid string, to Isolation) {
	if to == Sidecar {
		ns := map[string]*netns.Namespace{"a/client": r.A, "a/server": r.B}[uid]
		r.sidecars[uid] = r.startSidecarOf(r.t, uid, ns, r.caLine()+"\ndrain: 10m")
	}
}

// announce has the mesh say what the server speaks, and returns when the keeper has heard it.
func (r *round) announce(protocol string) {
	lines := strings.Split(r.meshFile(), "\n")
	for i, l := range lines {
		if strings.Contains(l, "a/server") {
			lines[i] = strings.Replace(l, "HBONE", protocol, 1)
		}
	}
	r.write(r.t, "mesh.yaml.new", strings.Join(lines, "\n"))
	if err := os.Rename(r.dir+"/mesh.yaml.new", r.dir+"/mesh.yaml"); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "the keeper knows that the server speaks "+protocol, func() error {
		var dump admin.Dump
		if err := r.call(r.t, "GET", "/config_dump", nil, &dump); err != nil {
			return err
		}
		for _, w := range dump.Workloads {
			if w.UID == "a/server" && w.Protocol == protocol {
				return nil
			}
		}
		return errors.New("not yet")
	})
}

// awaitPlaintext returns when the client's proxy, wherever it is, has heard what the server speaks.
func (r *round) awaitPlaintext(want bool) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("plaintext: %v", want), func() error {
		r.word++
		word := fmt.Sprintf("AWAIT-%08d", r.word)
		if err := r.roundTripOf(word); err != nil {
			r.load.stop()
			r.t.Fatalf("a new connection: %v; %s", err, r.load)
		}
		if got := r.wire.Seen([]byte(word)) > 0; got != want {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}
