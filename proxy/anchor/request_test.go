package anchor

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What breaks the protocol costs the keeper its life, and nobody else anything.
func TestMalformedRequests(t *testing.T) {
	a := startAnchor(t, map[string]any{"RestartMax": 10 * time.Millisecond})
	k := a.keeper(t)
	k.do(order{Do: "hold", Name: "kept", Label: "label"})
	cell := k.do(order{Do: "start", Name: "cell", Role: "cell"}).PID
	encoded := func(p packet) []byte {
		b, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, o := range map[string]order{
		"one byte":            {Raw: []byte{0}},
		"nothing after verb":  {Raw: []byte("h")},
		"unknown verb":        {Raw: encoded(packet{verb: 'z', name: "x"})},
		"a report":            {Raw: encoded(packet{verb: verbAck})},
		"cut":                 {Raw: encoded(packet{verb: verbDrop, name: "kept"})[:20]},
		"bytes after the end": {Raw: append(encoded(packet{verb: verbDrop, name: "kept"}), 0)},
		"no name":             {Raw: encoded(packet{verb: verbDrop})},
		"hold of nothing":     {Raw: encoded(packet{verb: verbHold, name: "x"})},
		"hold of two":         {Raw: encoded(packet{verb: verbHold, name: "x"}), Files: 2},
		"drop with a file":    {Raw: encoded(packet{verb: verbDrop, name: "kept"}), Files: 1},
		"start of nothing":    {Raw: encoded(packet{verb: verbStart, name: "x"})},
		"adopt with a file":   {Raw: encoded(packet{verb: verbAdopt}), Files: 16},
		"long name":           {Raw: append([]byte("d\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"), make([]byte, 40_000)...)},
	} {
		o.Do = "raw"
		k.last(o)
		k = a.keeper(t)
		if k.Held["kept"] != "label" || k.Processes["cell"].PID != cell {
			t.Errorf("%s: the next keeper found %+v", name, k.hello)
		}
	}
}

// A keeper that has closed its socket and does not exit is of no use.
func TestKeeperHangsUp(t *testing.T) {
	a := startAnchor(t, nil)
	k := a.keeper(t)
	cell := k.do(order{Do: "start", Name: "cell", Role: "cell"}).PID
	k.do(order{Do: "hang up"})
	wantGone(t, k.PID)
	if next := a.keeper(t); next.Processes["cell"].PID != cell {
		t.Errorf("found %+v, want cell", next.Processes)
	}
}

func TestRefusals(t *testing.T) {
	a := startAnchor(t, map[string]any{"MaxHeld": 3, "MaxProcesses": 2})
	k := a.keeper(t)
	k.do(order{Do: "start", Name: "a", Role: "cell"}) // holds one
	k.do(order{Do: "hold", Name: "1", Label: "first"})
	k.do(order{Do: "hold", Name: "2", Label: "second"})
	for _, tc := range []struct {
		order  order
		reason string
	}{
		{order{Do: "hold", Name: "3"}, "holds 3 descriptors already"},
		{order{Do: "drop", Name: "absent"}, "nothing is held"},
		{order{Do: "fetch", Name: "absent"}, "nothing is held"},
		{order{Do: "signal", Name: "absent", N: 9}, "no such process"},
		{order{Do: "start", Name: "a", Argv: []string{"/bin/true"}}, "runs already"},
		{order{Do: "start", Name: "b", Argv: []string{"/absent"}}, "/absent: no such file"},
	} {
		if got := k.try(tc.order).Refused; !strings.Contains(got, tc.reason) {
			t.Errorf("%s %s: refused with %q, want %q", tc.order.Do, tc.order.Name, got, tc.reason)
		}
	}
	k.do(order{Do: "start", Name: "b", Argv: []string{"/bin/sleep", "1000"}})
	if got := k.try(order{Do: "start", Name: "c", Argv: []string{"/bin/true"}}).Refused; !strings.Contains(got, "2 processes already") {
		t.Errorf("start over the limit: refused with %q", got)
	}
	k.do(order{Do: "signal", Name: "b", N: int(unix.SIGKILL)})
	if e := k.do(order{Do: "event"}).Event; e.Name != "b" {
		t.Errorf("event %+v, want b", e)
	}
	k.do(order{Do: "start", Name: "b", Argv: []string{"/bin/sleep", "1000"}})
	k.do(order{Do: "signal", Name: "b", N: int(unix.SIGKILL)})
	// A second hold replaces, within the limit.
	k.do(order{Do: "hold", Name: "1", Label: "replaced"})
	if got := k.do(order{Do: "fetch", Name: "1"}).Text; got != "replaced" {
		t.Errorf("fetched %q", got)
	}
	k.do(order{Do: "drop", Name: "1"})
	k.do(order{Do: "hold", Name: "3", Label: "third"})
	if got := k.do(order{Do: "fetch", Name: "3"}).Text; got != "third" {
		t.Errorf("fetched %q", got)
	}
}
