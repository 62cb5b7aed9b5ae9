// Package cmd_test checks what docs/architecture.md promises about the whole
// module: which package may import which, what the data plane must not link, and
// that every package says what it is for.
package cmd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bulkhead-mesh/bulkhead/"

type goPackage struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	c := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Imports,Deps,GoFiles"}, args...)...)
	c.Dir = ".."
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	var all []goPackage
	for {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// forbidden: nothing at or below from may reach anything at or below to.
var forbidden = []struct{ from, to, why string }{
	{"proxy/cell", "proxy/keeper", "a cell knows only its end of the channel"},
	{"proxy/cell", "proxy/anchor", "a cell knows only its end of the channel"},
	{"proxy/cell", "proxy/control", "a cell never signs"},
	{"proxy/cell", "identity/ca", "a cell never signs"},
	{"proxy/cell", "redirect/rules", "a cell has no business with capture rules"},
	{"proxy/cell", "proxy/jail", "the jail is put on before the cell exists"},
	{"proxy/cell", "bench", "the data plane knows nothing of the lab"},
	{"cmd/bulkhead-cell", "proxy/keeper", "a cell knows only its end of the channel"},
	{"cmd/bulkhead-cell", "proxy/anchor", "a cell knows only its end of the channel"},
	{"cmd/bulkhead-cell", "redirect/rules", "a cell has no business with capture rules"},
	{"cmd/bulkhead-cell", "identity/ca", "a cell never signs"},
	{"cmd/bulkhead-cell", "bench", "the data plane knows nothing of the lab"},
	{"cmd/bulkhead-sidecar", "proxy/keeper", "a sidecar has no keeper"},
	{"cmd/bulkhead-sidecar", "proxy/anchor", "a sidecar has no anchor"},
	{"cmd/bulkhead-sidecar", "redirect/rules", "whoever injects a sidecar has the capture rules"},
	{"cmd/bulkhead-sidecar", "identity/ca", "a sidecar asks a CA, it is none"},
	{"cmd/bulkhead-sidecar", "bench", "the data plane knows nothing of the lab"},
	{"cmd/bulkhead-node", "bench", "the node knows nothing of the lab"},
	{"cmd/bulkhead-node", "identity/ca", "the node asks a CA, it is none"},
	{"proxy/keeper", "identity/ca", "the keeper asks a CA, it is none"},
	{"proxy/anchor", "proxy/keeper", "the anchor parses nothing"},
	{"proxy/anchor", "proxy/cell", "the anchor parses nothing"},
	{"proxy/admin", "proxy/keeper", "it is the other end, and light enough for the lab"},
	{"proxy/cell", "proxy/admin", "a cell has its channel, and no way to the admin socket"},
	{"proxy/tunnel", "proxy/h2", "transports implement tunnel, not the other way round"},
	{"proxy/hbone", "proxy/tunnel", "hbone is pure"},
	{"proxy/mesh", "proxy/tunnel", "the mesh is pure"},
	{"bench/measure", "bench/lab", "a record is judged without the lab that made it"},
	{"bench/report", "bench/lab", "a record is shown without the lab that made it"},
	{"bench/compare", "bench/lab", "records are compared without the lab that made them"},
	{"bench/condition", "bench/lab", "a record is judged without the lab that made it"},
	{"bench/web", "bench/lab", "a record is shown without the lab that made it"},
	{"bench/lab", "bench/schedule", "a lab knows nothing of what is run in it"},
	{"bench/drill", "bench/schedule", "a drill knows nothing of the others"},
	{"bench/trust", "bench/lab", "a record is judged and shown without the lab that made it"},
	{"bench/experiment", "bench/lab", "a record that holds an experiment is shown without the lab that made it"},
	{"bench/suite", "bench/lab", "a record is read without the lab that made it"},
	{"bench/peers", "proxy", "a peer has nothing of what it is measured against"},
	{"bench/peers", "bench/lab", "a peer is a process like any other"},
	{"bench/datapath/engine", "bench/lab", "an end of the load is a process like any other"},
	{"bench/datapath/engine", "proxy", "the load has nothing of what it measures"},
	{"bench/datapath/stacks", "bench/lab", "a profile is read without the lab that it was made in"},
	{"bench/datapath/verdict", "bench/lab", "a record is judged without the lab that made it"},
}

// tooHeavy must not be linked into the data plane.
var tooHeavy = []struct{ path, why string }{
	{"google.golang.org/grpc", "gRPC clients cost a cell memory; the keeper speaks for it"},
	{"github.com/prometheus", "the keeper serves /metrics; a cell counts with atomics"},
	{"github.com/google/nftables", "rules are the keeper's"},
	{"github.com/vishvananda/netlink", "rules are the keeper's"},
	{"github.com/spf13/cobra", "a cell has one command, and package flag reads it"},
	{"k8s.io", "no Kubernetes client in the data path"},
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, f := range forbidden {
			if !below(from, f.from) {
				continue
			}
			for _, d := range p.Deps {
				if to := strings.TrimPrefix(d, module); to != d && below(to, f.to) {
					t.Errorf("%s must not depend on %s: %s", from, to, f.why)
				}
			}
		}
	}
}

// TestLeavesImportNothingOfOurs keeps the roots of identity and redirect usable by
// anybody.
func TestLeavesImportNothingOfOurs(t *testing.T) {
	for _, p := range list(t, "./identity", "./redirect") {
		for _, d := range p.Imports {
			if strings.HasPrefix(d, module) {
				t.Errorf("%s imports %s: it must import nothing of ours", p.ImportPath, d)
			}
		}
	}
}

// TestOnlyTransportsImportAWireLibrary: HTTP/2 and QUIC are behind package tunnel.
func TestOnlyTransportsImportAWireLibrary(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := strings.TrimPrefix(p.ImportPath, module)
		if slices.Contains(p.Imports, "golang.org/x/net/http2") && from != "proxy/h2" && from != "bench/peers/xnet" {
			t.Errorf("%s imports x/net/http2: only proxy/h2 may, and the peer that is made of it", from)
		}
		if slices.Contains(p.Imports, "github.com/quic-go/quic-go") && from != "proxy/h3" && from != "bench/peers/quicgo" {
			t.Errorf("%s imports quic-go: only proxy/h3 may, and the peer that is made of it", from)
		}
	}
}

func TestDataPlaneStaysLight(t *testing.T) {
	for _, p := range list(t, "./cmd/bulkhead-cell") {
		for _, d := range p.Deps {
			for _, h := range tooHeavy {
				if below(d, h.path) {
					t.Errorf("bulkhead-cell links %s: %s", d, h.why)
				}
			}
		}
	}
}

// TestSidecarIsACell: what carries bytes is the same code; a sidecar links more, and
// nothing less.
func TestSidecarIsACell(t *testing.T) {
	sidecar := list(t, "./cmd/bulkhead-sidecar")[0].Deps
	for _, d := range list(t, "./cmd/bulkhead-cell")[0].Deps {
		if strings.HasPrefix(d, module+"proxy") && !slices.Contains(sidecar, d) {
			t.Errorf("bulkhead-cell links %s and bulkhead-sidecar does not", d)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range list(t, "./...") {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package documentation", p.ImportPath)
		}
	}
}

// TestCostIsJudgedWithoutTheLab: the record's package, unlike trial below it, which
// makes records.
func TestCostIsJudgedWithoutTheLab(t *testing.T) {
	for _, p := range list(t, "./bench/cost") {
		if slices.Contains(p.Deps, module+"bench/lab") {
			t.Errorf("%s must not depend on bench/lab: a record is judged without the lab that made it", p.ImportPath)
		}
	}
}
