package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinesAreStrict(t *testing.T) {
	var b bytes.Buffer
	want := request{Exec: &command{Pod: "a/b", Path: "/bin/true", Argv: []string{"true", "x\ny"}, Dir: "/"}}
	if err := send(&b, want); err != nil {
		t.Fatal(err)
	}
	b.WriteString("{\"exek\":{}}\n")
	in := newLines(&b)
	var got request
	if err := in.next(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if err := in.next(&got); err == nil || !strings.Contains(err.Error(), "exek") {
		t.Errorf("unknown key: %v", err)
	}
	if err := in.next(&got); !errors.Is(err, io.EOF) {
		t.Errorf("end: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"exec":{"pod":"a/b","path":"","argv":["x"],"env":null,"dir":"/"}}`))
	f.Add([]byte(`{"status":true}`))
	f.Add([]byte(`{"signal":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again request
		if decode(b, &r) != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(text, &again); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(text, second) {
			t.Errorf("%s became %s, %v", text, second, err)
		}
	})
}
