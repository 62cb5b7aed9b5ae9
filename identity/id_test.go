package identity_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Conformance 33: what is a SPIFFE ID and what is none.
func TestParse(t *testing.T) {
	long := strings.Repeat("n", 2048)
	tests := []struct {
		text        string
		td, ns, acc string // all empty: refused
	}{
		// The cases of ztunnel's identity_from_string.
		{"spiffe://cluster.local/ns/namespace/sa/service-account", "cluster.local", "namespace", "service-account"},
		{"spiffe://td/ns/ns/sa/sa", "td", "ns", "sa"},
		{"spiffe://td.with.dots/ns/ns.with.dots/sa/sa.with.dots", "td.with.dots", "ns.with.dots", "sa.with.dots"},
		{"td/ns/ns/sa/sa", "", "", ""},
		{"spiffe://td/ns/ns/sa", "", "", ""},
		{"spiffe://td/ns/ns/sa/sa/", "", "", ""},
		{"spiffe://td/ns/ns/foobar/sa/", "", "", ""},
		// ztunnel accepts this one; SPIFFE-ID 2.2 forbids empty segments.
		{"spiffe://td/ns//sa/", "", "", ""},

		{"spiffe://td/ns/sa/sa/ns", "td", "sa", "ns"},
		{"", "", "", ""},
		{"spiffe://", "", "", ""},
		{"spiffe://td", "", "", ""},
		{"spiffe://td/", "", "", ""},
		{"spiffe:///ns/a/sa/b", "", "", ""},
		{"https://td/ns/a/sa/b", "", "", ""},
		{"SPIFFE://td/ns/a/sa/b", "", "", ""},
		{"spiffe://TD/ns/a/sa/b", "", "", ""},
		{"spiffe://td:443/ns/a/sa/b", "", "", ""},
		{"spiffe://user@td/ns/a/sa/b", "", "", ""},
		{"spiffe://td/sa/a/ns/b", "", "", ""},
		{"spiffe://td/NS/a/sa/b", "", "", ""},
		{"spiffe://td/ns/a/sa/b/c", "", "", ""},
		{"spiffe://td/ns/./sa/b", "", "", ""},
		{"spiffe://td/ns/a/sa/..", "", "", ""},
		{"spiffe://td/ns/a%62/sa/b", "", "", ""},
		{"spiffe://td/ns/a/sa/b?x=y", "", "", ""},
		{"spiffe://td/ns/a/sa/b#f", "", "", ""},
		{"spiffe://td/ns/a/sa/b ", "", "", ""},
		{"spiffe://td/ns/a/sa/b\x00", "", "", ""},
		{"spiffe://td/ns/ä/sa/b", "", "", ""},
		{"spiffe://td/ns/" + long + "/sa/b", "", "", ""},
		{"spiffe://" + strings.Repeat("t", 256) + "/ns/a/sa/b", "", "", ""},
		{"spiffe://" + strings.Repeat("t", 255) + "/ns/a/sa/b", strings.Repeat("t", 255), "a", "b"},
	}
	for _, test := range tests {
		id, err := identity.Parse(test.text)
		if test.td == "" {
			if wrong, ok := errors.AsType[*identity.IDError](err); !ok || wrong.Err == nil || !id.IsZero() {
				t.Errorf("Parse(%.60q) = %q, %v; want an *IDError", test.text, id, err)
			}
			continue
		}
		if err != nil || id.String() != test.text ||
			id.TrustDomain() != test.td || id.Namespace() != test.ns || id.ServiceAccount() != test.acc {
			t.Errorf("Parse(%.60q) = %q (%q, %q, %q), %v", test.text, id, id.TrustDomain(), id.Namespace(), id.ServiceAccount(), err)
		}
		made, err := identity.New(test.td, test.ns, test.acc)
		if err != nil || made != id {
			t.Errorf("New(%q, %q, %q) = %q, %v; want the parsed one", test.td, test.ns, test.acc, made, err)
		}
	}
}

func TestNewRefusesPartsThatAreMore(t *testing.T) {
	for _, parts := range [][3]string{
		{"", "a", "b"}, {"td", "", "b"}, {"td", "a", ""},
		{"td/ns/x", "a", "b"}, {"td", "a/sa/b", "c"}, {"td", "a", "b/c"}, {"td", "..", "b"}, {"td", "a", "b#"},
	} {
		if id, err := identity.New(parts[0], parts[1], parts[2]); err == nil {
			t.Errorf("New(%q) = %q; want an error", parts, id)
		}
	}
}

func TestIDIsAValue(t *testing.T) {
	a, b := mustID(t, "spiffe://td/ns/a/sa/b"), mustID(t, "spiffe://td/ns/a/sa/"+strings.Clone("b"))
	if other := mustID(t, "spiffe://td/ns/a/sa/c"); a != b || a == other {
		t.Error("identities do not compare by what they say")
	}
	if seen := map[identity.ID]bool{a: true}; !seen[b] || seen[identity.ID{}] {
		t.Error("identities do not work as map keys")
	}
	var zero identity.ID
	if !zero.IsZero() || a.IsZero() || zero.String() != "" ||
		zero.TrustDomain() != "" || zero.Namespace() != "" || zero.ServiceAccount() != "" {
		t.Errorf("the zero value is not empty: %q", zero)
	}
}

func TestIDText(t *testing.T) {
	type message struct {
		ID identity.ID
		On map[identity.ID]int
	}
	in := message{ID: mustID(t, "spiffe://td/ns/a/sa/b"), On: map[identity.ID]int{mustID(t, "spiffe://td/ns/c/sa/d"): 1}}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"ID":"spiffe://td/ns/a/sa/b","On":{"spiffe://td/ns/c/sa/d":1}}` {
		t.Fatalf("marshalled to %s, %v", text, err)
	}
	var out message
	if err := json.Unmarshal(text, &out); err != nil || out.ID != in.ID || len(out.On) != 1 {
		t.Errorf("read back %v, %v", out, err)
	}
	var zero identity.ID
	text, _ = json.Marshal(zero)
	id := in.ID
	if err := json.Unmarshal(text, &id); err != nil || id != zero {
		t.Errorf("the zero value came back from %s as %q, %v", text, id, err)
	}
	id = in.ID
	if err := id.UnmarshalText([]byte("spiffe://td/ns/a")); err == nil || id != in.ID {
		t.Errorf("a bad text was read as %q, %v", id, err)
	}
}

func TestIDErrorIsShort(t *testing.T) {
	_, err := identity.Parse("spiffe://" + strings.Repeat("x", 100000))
	if len(err.Error()) > 300 {
		t.Errorf("a hostile text fills the log with %d bytes", len(err.Error()))
	}
}

// Conformance 33: no text breaks it.
func FuzzParseID(f *testing.F) {
	for _, s := range []string{
		"spiffe://cluster.local/ns/namespace/sa/service-account", "spiffe://td/ns//sa/", "spiffe://td/ns/ns/sa/sa/",
		"spiffe://td/ns/sa/sa/sa", "spiffe://td/ns/a%2fb/sa/c", "", "spiffe://", "spiffe://td/ns/../sa/b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := identity.Parse(s)
		if err != nil {
			if !id.IsZero() {
				t.Fatalf("%q: an error and an identity", s)
			}
			return
		}
		if id.IsZero() || id.String() != s || strings.Count(s, "/") != 6 {
			t.Fatalf("%q was read as %q", s, id)
		}
		again, err := identity.New(id.TrustDomain(), id.Namespace(), id.ServiceAccount())
		if err != nil || again != id {
			t.Fatalf("%q from its parts is %q, %v", id, again, err)
		}
	})
}
