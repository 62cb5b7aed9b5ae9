package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Every broken mesh is refused as a whole, and every other one is taken.
func TestPushes(t *testing.T) {
	l := &Lab{topology: Default(), options: Options{Dir: t.TempDir()}}
	if err := os.MkdirAll(filepath.Dir(l.path(meshFile)), 0o755); err != nil {
		t.Fatal(err)
	}
	load := func() error {
		b, err := os.ReadFile(l.path(meshFile))
		if err == nil {
			_, err = mesh.Parse(b, 1)
		}
		return err
	}
	seen := map[string]bool{}
	for n := range 2 * len(defects) {
		how, err := l.PushBroken(n)
		if err != nil {
			t.Fatal(err)
		}
		seen[how] = true
		if load() == nil {
			t.Errorf("%s is taken", how)
		}
	}
	if len(seen) != len(defects) {
		t.Errorf("seen %v", seen)
	}
	for name, push := range map[string]func() error{
		"denial": l.PushDenial, "lift": l.LiftPush,
		"strangers":       func() error { _, err := l.PushStrangers(300, 0); return err },
		"other strangers": func() error { _, err := l.PushStrangers(5000, 1); return err },
	} {
		if err := push(); err != nil {
			t.Fatal(err)
		}
		if err := load(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
