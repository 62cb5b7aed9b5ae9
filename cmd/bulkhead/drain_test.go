package main

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// drainer is a keeper that drains what it is told, and keeps what that was.
type drainer struct {
	node admin.Node

	mu     sync.Mutex
	orders []admin.Drain
}

// at answers on a socket of its own.
func (d *drainer) at(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /who", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(d.node) })
	m.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		var order admin.Drain
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			t.Error(err)
		}
		d.mu.Lock()
		d.orders = append(d.orders, order)
		d.mu.Unlock()
		done := []admin.Drained{}
		for _, uid := range order.Workloads {
			done = append(done, admin.Drained{Workload: uid, Open: 2, Cut: 1})
		}
		_ = json.NewEncoder(w).Encode(done)
	})
	s := &http.Server{Handler: m}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return socket
}

// What is drained is a node, a cell or a workload: each keeper is told of its own, and who has none is told nothing.
func TestDrainOfNodeCellAndWorkload(t *testing.T) {
	cell := func(name string, pid int, uids ...string) admin.Cell {
		c := admin.Cell{Name: name, PID: pid}
		for _, uid := range uids {
			c.Workloads = append(c.Workloads, admin.Workload{UID: uid})
		}
		return c
	}
	for what, want := range map[string][2][]string{ // by node
		"n1":               {{"a/db", "a/web", "b/web"}, nil}, // and not a/out, which no cell serves
		"shared":           {{"a/db", "a/web"}, {"a/two"}},
		"workload/b/web":   {{"b/web"}, nil},
		"a/two":            {nil, {"a/two"}},
		"a/web":            {{"a/web"}, nil},
		"a/out":            {nil, nil},
		"nobody/knows/him": {nil, nil},
	} {
		t.Run(what, func(t *testing.T) {
			keepers := [2]*drainer{
				{node: admin.Node{Node: "n1", Cells: []admin.Cell{cell("shared", 7, "a/web", "a/db"), cell("workload/b/web", 8, "b/web"), cell("none/a/out", 0, "a/out")}}},
				{node: admin.Node{Node: "n2", Cells: []admin.Cell{cell("shared", 9, "a/two")}}},
			}
			order := admin.Drain{Seconds: 3}
			done, err := drainAll(t.Context(), &nodes{at: []string{keepers[0].at(t), keepers[1].at(t)}}, what, order)
			var all []string
			for i, k := range keepers {
				var got []string
				for _, o := range k.orders {
					if o.Seconds != order.Seconds {
						t.Errorf("a deadline of %v s", o.Seconds)
					}
					got = append(got, o.Workloads...)
				}
				slices.Sort(got)
				if !slices.Equal(got, want[i]) {
					t.Errorf("%s drains %v, want %v", k.node.Node, got, want[i])
				}
				all = append(all, want[i]...)
			}
			if (err == nil) != (len(all) > 0) {
				t.Errorf("error %v", err)
			}
			slices.Sort(all)
			if !slices.EqualFunc(done, all, func(d admin.Drained, uid string) bool { return d.Workload == uid && d.Open == 2 && d.Cut == 1 }) {
				t.Errorf("done %+v, want %v", done, all)
			}
		})
	}
}

func TestWhatWasDrainedIsShown(t *testing.T) {
	var out strings.Builder
	if err := writeDrained(&out, []admin.Drained{{Workload: "a/web", Cell: "shared", Open: 3, Cut: 1, Seconds: (1500 * time.Millisecond).Seconds()}}); err != nil {
		t.Fatal(err)
	}
	if want := "DRAINED  CELL    WERE OPEN  CUT  AFTER\na/web    shared  3          1    1.5s\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
