package ca_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity/ca"
)

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "ca")
	made := newCA(t, ca.Options{})
	if err := made.Save(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("in the directory: %v, %v", entries, err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, entries[0].Name()): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %o", path, st.Mode(), err, want)
		}
	}
	loaded, err := ca.Load(dir, ca.Options{TrustDomain: "td"})
	if err != nil {
		t.Fatal(err)
	}
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	_, before := mustSign(t, made, id, 0)
	svid, after := mustSign(t, loaded, id, 0)
	if !bytes.Equal(before[1], after[1]) || !bytes.Equal(made.Roots()[0], svid.Bundle.Roots()[0]) {
		t.Error("another CA came back")
	}
	if err := newCA(t, ca.Options{}).Save(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a CA was overwritten: %v", err)
	}
	if again, err := ca.Load(dir, ca.Options{TrustDomain: "td"}); err != nil || !bytes.Equal(again.Roots()[0], made.Roots()[0]) {
		t.Errorf("after the attempt: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := newCA(t, ca.Options{}).Save(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ca.pem")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := newCA(t, ca.Options{}).Save(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, "other", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, others := split(good), split(other)
	tests := map[string]struct {
		text []byte
		mode fs.FileMode
		o    ca.Options
	}{
		"readable by all":           {good, 0o644, ca.Options{TrustDomain: "td"}},
		"readable by the group":     {good, 0o640, ca.Options{TrustDomain: "td"}},
		"of another trust domain":   {good, 0o600, ca.Options{TrustDomain: "other"}},
		"no trust domain":           {good, 0o600, ca.Options{}},
		"empty":                     {nil, 0o600, ca.Options{TrustDomain: "td"}},
		"cut":                       {good[:len(good)-40], 0o600, ca.Options{TrustDomain: "td"}},
		"something behind":          {slices.Concat(good, good), 0o600, ca.Options{TrustDomain: "td"}},
		"in another order":          {slices.Concat(blocks[1], blocks[0], blocks[2], blocks[3]), 0o600, ca.Options{TrustDomain: "td"}},
		"the key of another":        {slices.Concat(blocks[0], others[1], blocks[2], blocks[3]), 0o600, ca.Options{TrustDomain: "td"}},
		"the intermediate of other": {slices.Concat(blocks[0], blocks[1], others[2], others[3]), 0o600, ca.Options{TrustDomain: "td"}},
		"expired": {good, 0o600, ca.Options{TrustDomain: "td", Now: func() time.Time {
			return time.Now().Add(11 * 365 * 24 * time.Hour)
		}}},
	}
	for name, test := range tests {
		if err := errors.Join(os.WriteFile(file, test.text, 0o600), os.Chmod(file, test.mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := ca.Load(dir, test.o); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v; want an error", name, err)
		}
		// Open must not take a file that it cannot read for one that is not there.
		if _, err := ca.Open(dir, test.o); err == nil {
			t.Errorf("%s: Open succeeded", name)
		}
	}
	if _, err := ca.Load(t.TempDir(), ca.Options{TrustDomain: "td"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
}

// split cuts PEM text into its blocks.
func split(text []byte) [][]byte {
	var blocks [][]byte
	for len(text) > 0 {
		end := bytes.Index(text, []byte("-----END"))
		end += bytes.IndexByte(text[end:], '\n') + 1
		blocks = append(blocks, text[:end])
		text = text[end:]
	}
	return blocks
}

// TestOpenTogether: of several processes that make the CA at the same time, one makes it and all use that one.
func TestOpenTogether(t *testing.T) {
	dir := t.TempDir()
	roots := make(chan []byte, 8)
	for range cap(roots) {
		go openOne(t, dir, roots)
	}
	first := <-roots
	for range cap(roots) - 1 {
		if root := <-roots; first == nil || !bytes.Equal(root, first) {
			t.Error("two roots, or none")
		}
	}
}

func openOne(t *testing.T, dir string, roots chan<- []byte) {
	c, err := ca.Open(dir, ca.Options{TrustDomain: "td"})
	if err != nil {
		t.Error(err)
		roots <- nil
		return
	}
	roots <- c.Roots()[0]
}
