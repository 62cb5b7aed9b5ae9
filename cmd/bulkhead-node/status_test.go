package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/keeper"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Every boundary is named, and one that is missing says why.
func TestStatusNamesEveryBoundary(t *testing.T) {
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"status", "--json"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	var s status
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	var names []string
	for _, p := range s.Enforceable {
		names = append(names, p.Name)
	}
	if got, want := strings.Join(names, ", "), "pid namespace, capabilities, uids, landlock, seccomp, memory wall, cpu wall, pids wall"; got != want {
		t.Errorf("boundaries %q, want %q", got, want)
	}
}

func TestStatusShowsWalls(t *testing.T) {
	s := status{Cells: []keeper.CellStatus{
		{Name: "shared", State: "up", Workloads: []string{"a/x", "a/y"}, Walls: keeper.Wall{Memory: 224 << 20, CPU: 0.9, Pids: 128, Files: 17408}, OOMKills: 3},
		{Name: "workload/b/z", State: "backoff"},
	}}
	var out bytes.Buffer
	if err := s.write(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shared", "a/x,a/y", "224 MiB", "0.9", "17408", "3\n", "workload/b/z", "-"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// Congestion control is said, and what to do where it is not the one that tunnels want.
func TestStatusSaysTheCongestionControl(t *testing.T) {
	for want, a := range map[string]netns.Allowance{
		"Tunnels use the congestion control cubic.":                          {Wanted: "cubic", Got: "cubic", Allowed: []string{"reno", "cubic"}},
		`sysctl -w net.ipv4.tcp_allowed_congestion_control="reno bbr cubic"`: {Wanted: "cubic", Got: "bbr", Allowed: []string{"reno", "bbr"}},
	} {
		var out bytes.Buffer
		if err := (status{Congestion: &a}).write(&out, false); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestStatusMisuse(t *testing.T) {
	for _, args := range [][]string{{"status", "extra"}, {"status", "--config", "/absent"}, {"status", "--nope"}} {
		if code := run(args); code != exitMisuse {
			t.Errorf("%v: exit code %d, want %d", args, code, exitMisuse)
		}
	}
}
