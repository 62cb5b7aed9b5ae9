package sidecar

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The next process has the key of the one before, unless it is none or others could read it.
func TestTheResetKeyOutlivesTheProcess(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	path := socket + ".reset"
	key := func() [32]byte {
		t.Helper()
		k, err := ResetKey(socket)
		if err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode() != 0o600 {
			t.Fatalf("%v, %v", fi, err)
		}
		return k
	}
	first := key()
	if key() != first || first == [32]byte{} {
		t.Error("not the key of before")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	second := key()
	if second == first {
		t.Error("a key that others could read")
	}
	if err := os.WriteFile(path, second[:31], 0o600); err != nil {
		t.Fatal(err)
	}
	third := key()
	if [31]byte(third[:]) == [31]byte(second[:]) || key() != third {
		t.Error("a key that was cut off")
	}
	if err := os.Link(path, path+".other"); err != nil {
		t.Fatal(err)
	}
	fourth := key()
	if fourth == third {
		t.Error("a key that has another name")
	}
	if err := errors.Join(os.Rename(path, path+".aside"), os.Symlink(path+".aside", path)); err != nil {
		t.Fatal(err)
	}
	if k, err := ResetKey(socket); err != nil || k == fourth {
		t.Errorf("a key behind a link, %v", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 1000, 1000); err != nil {
			t.Fatal(err)
		}
		if fifth, err := os.ReadFile(path); err != nil || key() == [32]byte(fifth) {
			t.Errorf("somebody else's key, %v", err)
		}
	}
	if _, err := ResetKey(filepath.Join(t.TempDir(), "no", "such", "admin.sock")); err == nil {
		t.Error("no error where it cannot be kept")
	}
}
