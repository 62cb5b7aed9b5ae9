package cell

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeIsStrict(t *testing.T) {
	for name, packet := range map[string]string{
		"empty":          ``,
		"no field":       `{}`,
		"two fields":     `{"ping":{"n":1},"drop":{"uid":"x"}}`,
		"unknown kind":   `{"reboot":{}}`,
		"unknown field":  `{"ping":{"n":1,"m":2}}`,
		"wrong type":     `{"ping":{"n":"1"}}`,
		"negative":       `{"ping":{"n":-1}}`,
		"trailing bytes": `{"ping":{"n":1}}{"ping":{"n":2}}`,
		"trailing brace": `{"ping":{"n":1}}}`,
		"an array":       `[]`,
		"a list of one":  `["ping"]`,
		"null":           `{"ping":null}`,
		"twice":          `{"ping":{"n":1},"ping":{"n":2}}`,
		"no end":         `{"ping":{"n":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Decode([]byte(packet))
			var malformed *MalformedError
			if !errors.As(err, &malformed) {
				t.Errorf("got %+v, error %v; want a MalformedError", m, err)
			}
		})
	}
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	for _, m := range []*Message{
		{Hello: &Hello{Version: 1, Cell: "shared", Drain: 5}},
		{Resolve: &Resolve{ID: 3, UID: "a/web"}},
		{Signed: &Signed{ID: 9, Chain: [][]byte{{1, 2}}, Roots: [][]byte{{3}}}},
		{Done: &Done{UID: "a/web", Error: "no"}},
		{Drop: &Drop{UID: "a/web", Now: true}},
	} {
		b, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := json.Marshal(m)
		if err != nil || !bytes.Equal(b, whole) {
			t.Errorf("got %s, want what encoding/json writes: %s, %v", b, whole, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m.Hello, got.Hello) + cmp.Diff(m.Signed, got.Signed) + cmp.Diff(m.Done, got.Done) + cmp.Diff(m.Drop, got.Drop); d != "" {
			t.Error(d)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"ping":{"n":1}}`))
	f.Add([]byte(`{"serve":{"workload":{},"ports":{"Outbound":1,"Plaintext":2,"HBONE":3},"files":["netns"]}}`))
	f.Add([]byte(`{"answer":{"id":1,"answer":{"kind":1,"version":2}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if _, one := m.kind(); !one {
			t.Errorf("accepted %+v", m)
		}
		if m.Serve != nil {
			_, _ = assignment(m.Serve, nil)
		}
		if _, err := Encode(m); err != nil {
			t.Errorf("cannot write what was read: %v", err)
		}
	})
}
