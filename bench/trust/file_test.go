package trust

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	if In(dir) {
		t.Error("an empty directory has a record")
	}
	if err := story().Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(story(), got); diff != "" || !In(dir) {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestReadersAreStrict(t *testing.T) {
	b, err := story().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":                    "",
		"unknown key":              strings.Replace(string(b), `"culprit"`, `"colour": 1, "culprit"`, 1),
		"trailing":                 string(b) + "{}",
		"another schema":           strings.Replace(string(b), Schema, "bulkhead.trust/v9", 1),
		"unknown culprit":          strings.Replace(string(b), `"culprit": "a/checkout"`, `"culprit": "x"`, 1),
		"unknown key of a process": strings.Replace(string(b), `"key": 2`, `"key": 3`, 1),
		"unknown outcome":          strings.Replace(string(b), `"outcome": "killed"`, `"outcome": "maybe"`, 1),
		"unknown pod":              strings.Replace(string(b), `"from": "b/web"`, `"from": "b/nobody"`, 1),
	} {
		if text == string(b) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Decode(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	var none *document.NoRecordError
	if _, err := Read(t.TempDir()); !errors.As(err, &none) || !none.Misuse() {
		t.Errorf("a directory without a record: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, File), b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("half a record was read")
	}
}

// FuzzDecode: whatever is read can be judged and shown, and is the same when it is
// written and read again.
func FuzzDecode(f *testing.F) {
	b, err := story().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		table := Judge(r).Table()
		_ = Judge(r).Markdown()
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		same, err := Decode(bytes.NewReader(again))
		if err != nil {
			t.Fatal(err)
		}
		if got := Judge(same).Table(); got != table {
			t.Errorf("table\n%s\nbecame\n%s", table, got)
		}
	})
}
