package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Lines come into the file. While the reader is stalled the pipe fills and a writer
// waits; afterwards nothing is missing.
func TestDrain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	d, w, err := newDrain(path)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	want.WriteString("line 0\n")
	if _, err := w.Write(want.Bytes()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first line is in the file", func() bool {
		b, err := os.ReadFile(path)
		return err == nil && bytes.Equal(b, want.Bytes())
	})
	if err := d.stall(); err != nil {
		t.Fatal(err)
	}
	full := false
	for i := 1; !full; i++ { // one read of it may be under way: then a page, and that is all
		b := fmt.Appendf(nil, "line %d\n", i)
		if err := w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := w.Write(b)
		want.Write(b[:n])
		full = err != nil
		if i > 2*usualPipe {
			t.Fatal("the pipe never fills")
		}
	}
	w.Close()
	d.close()
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, want.Bytes()) {
		t.Errorf("%d bytes are in the file at the end, want %d; %v", len(b), want.Len(), err)
	}
}
