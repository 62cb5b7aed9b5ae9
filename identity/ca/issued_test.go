package ca_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity/ca"
)

// TestIssuedLog: what was signed, and nothing else, is in the file, over two lives of it.
func TestIssuedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issued.jsonl")
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	clock := newClock()
	var want [][]byte
	for range 2 {
		log, err := ca.OpenIssued(path)
		if err != nil {
			t.Fatal(err)
		}
		c := newCA(t, ca.Options{Now: clock.now, Issued: log.Add})
		svid, _ := mustSign(t, c, id, time.Hour)
		want = append(want, svid.Certificate.Leaf.RawSubjectPublicKeyInfo)
		if _, _, err := c.Sign([]byte("no CSR"), id, 0); err == nil {
			t.Fatal("garbage was signed")
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := ca.ReadIssued(f)
	if err != nil || len(all) != len(want) {
		t.Fatalf("the log has %d SVIDs, %v; want %d", len(all), err, len(want))
	}
	for i, one := range all {
		if one.Identity != id || !bytes.Equal(one.PublicKey, want[i]) || !one.NotAfter.Equal(clock.now().Add(time.Hour)) {
			t.Errorf("SVID %d: the log says %+v", i, one)
		}
	}
}

// TestUnloggedIsNotIssued: nobody gets an SVID that the log does not have.
func TestUnloggedIsNotIssued(t *testing.T) {
	full := errors.New("disk full")
	c := newCA(t, ca.Options{Issued: func(ca.Issued) error { return full }})
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	chain, _, err := c.Sign(mustCSR(t, newKey(t), id), id, 0)
	if !errors.Is(err, full) || chain != nil {
		t.Errorf("Sign gave %d certificates and %v", len(chain), err)
	}
}

func TestReadIssuedIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":   `{"identity":"spiffe://td/ns/a/sa/b","publicKey":"","notAfter":"2030-01-01T00:00:00Z","x":1}`,
		"no identity":   `{"publicKey":"","notAfter":"2030-01-01T00:00:00Z"}`,
		"no public key": `{"identity":"spiffe://td/ns/a/sa/b","notAfter":"2030-01-01T00:00:00Z"}`,
		"no line":       `{`,
		"two values":    `{} {}`,
		"too long":      strings.Repeat(" ", 1<<20),
	} {
		if all, err := ca.ReadIssued(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read as %v", name, all)
		}
	}
}

func FuzzReadIssued(f *testing.F) {
	public, err := x509.MarshalPKIXPublicKey(newKey(f).Public())
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "issued.jsonl")
	log, err := ca.OpenIssued(path)
	if err != nil {
		f.Fatal(err)
	}
	if err := log.Add(ca.Issued{Identity: mustID(f, "spiffe://td/ns/a/sa/b"), PublicKey: public, NotAfter: newClock().now()}); err != nil {
		f.Fatal(err)
	}
	if err := log.Close(); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := ca.ReadIssued(bytes.NewReader(text))
		if err != nil {
			return
		}
		// What was understood is understood again, as the same.
		again := filepath.Join(t.TempDir(), "again.jsonl")
		log, err := ca.OpenIssued(again)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			if err := log.Add(i); err != nil {
				t.Skip(err) // a year that JSON cannot hold
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(again)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		same, err := ca.ReadIssued(f)
		if err != nil || len(same) != len(all) || len(all) > 0 && !reflect.DeepEqual(same[0].PublicKey, all[0].PublicKey) {
			t.Errorf("%v became %v, %v", all, same, err)
		}
	})
}
