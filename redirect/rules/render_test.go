package rules

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/*.golden")

func TestRenderGolden(t *testing.T) {
	for name, p := range map[string]Plan{"node": node, "sidecar": sidecar} {
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(Render(p)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), Render(p)); diff != "" {
			t.Errorf("%s (-want +got; -update writes it):\n%s", file, diff)
		}
	}
}

// What Render writes, nft makes into exactly what Install makes. Needs nft,
// which the rest of the package does not.
func TestNftMakesTheSameOfRender(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Log("nft is not installed: only the golden files were compared")
		return
	}
	placements(t, func(t *testing.T, p Plan) {
		w := newWorld(t)
		w.must(w.A.Do(func() error { // the process inherits the namespace of this thread
			cmd := exec.Command(nft, "-f", "-")
			cmd.Stdin = strings.NewReader(Render(p))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("nft: %v\n%s", err, out)
			}
			return nil
		}))
		w.edit(func(k *kernel) { w.must(k.addRoutes()) })
		w.must(Verify(w.A, p))
	})
}
