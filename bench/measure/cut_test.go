package measure

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// TestCut: a record whose writer was killed is told from one that is wrong, wherever it ends.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	requests, looks := wrote(t, dir)
	for name, c := range map[string]struct {
		whole []byte
		read  func(cut []byte) error
	}{
		RequestsFile: {requests, func(cut []byte) error { _, err := ReadRequests(bytes.NewReader(cut)); return err }},
		LooksFile: {looks, func(cut []byte) error {
			if err := os.WriteFile(filepath.Join(dir, LooksFile), cut, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadLooks(dir)
			return err
		}},
	} {
		for n := range c.whole {
			var cut *CutError
			if err := c.read(c.whole[:n]); !errors.As(err, &cut) {
				t.Fatalf("%s, %d of %d bytes: %v", name, n, len(c.whole), err)
			}
		}
		if err := c.read(c.whole); err != nil {
			t.Errorf("%s, whole: %v", name, err)
		}
		wrong := bytes.Clone(c.whole)
		wrong[len(wrong)-5] ^= 1 // the checksum, behind the last line
		var cut *CutError
		if err := c.read(wrong); err == nil || errors.As(err, &cut) {
			t.Errorf("%s, damaged: %v", name, err)
		}
	}
}

// wrote is what the writers write.
func wrote(t *testing.T, dir string) (requests, looks []byte) {
	t.Helper()
	w, err := NewRequestsWriter(dir)
	if err != nil {
		t.Fatal(err)
	}
	l := NewLooksWriter(dir)
	for i := range 200 {
		at := int64(i) * 7919
		if err := errors.Join(w.Write(load.Record{Flow: i % 7, Seq: i, Planned: at, Sent: at + 11, Done: at + 1000}), l.Write(Look{T: at, Took: 5})); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	requests, errA := os.ReadFile(filepath.Join(dir, RequestsFile))
	looks, errB := os.ReadFile(filepath.Join(dir, LooksFile))
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	return requests, looks
}
