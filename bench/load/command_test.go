package load

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func exampleFlow() Flow {
	return Flow{
		ID: 3, Kind: New, Target: netip.MustParseAddrPort("10.96.0.10:80"),
		Period: 50 * time.Millisecond, Offset: 7 * time.Millisecond, Timeout: 2 * time.Second,
		ExpectPeer: netip.MustParseAddr("10.244.1.3"),
	}
}

func TestCommandThereAndBack(t *testing.T) {
	for _, want := range []Command{{Stop: true}, {Clock: true}, {Start: &Start{At: 5, Flows: []Flow{exampleFlow()}}}} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCommand(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})); d != "" {
			t.Error(d)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	flow := `{"id":1,"kind":"new","target":"10.0.0.1:80","period":50000000,"offset":0}`
	for line, want := range map[string]string{
		``:   "EOF",
		`{}`: "exactly one",
		`{"stop":true,"start":{"at":1,"flows":[]}}`:              "exactly one",
		`{"stop":true,"clock":true}`:                             "exactly one",
		`{"go":true}`:                                            `unknown field "go"`,
		`{"stop":true} {"stop":true}`:                            "more than one",
		`{"start":{"at":-1,"flows":[]}}`:                         "negative time",
		`{"start":{"at":1,"flows":[` + flow + `,` + flow + `]}}`: "given twice",
		`{"start":{"at":1,"flows":[` + strings.Replace(flow, "new", "old", 1) + `]}}`:    `kind "old"`,
		`{"start":{"at":1,"flows":[` + strings.Replace(flow, "50000000", "5", 1) + `]}}`: "period",
		`{"start":{"at":1,"flows":[` + strings.Replace(flow, ":80", ":0", 1) + `]}}`:     "port",
	} {
		if _, err := ParseCommand([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %q", line, err, want)
		}
	}
}

func TestLineThereAndBack(t *testing.T) {
	for _, want := range []Record{
		{Flow: 0, Seq: Break, Planned: 5, Sent: 5, Done: 5, Error: EOF},
		{Flow: 27, Seq: 1 << 30, Planned: 1 << 60, Sent: 1<<60 + 1, Done: 1<<60 + 2, Peer: "fd00:244:1::3"},
	} {
		got, err := ParseLine(want.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(Line{Record: want}, got); d != "" {
			t.Error(d)
		}
	}
	if l, err := ParseLine([]byte(`{"event":"lost","lost":7}`)); err != nil || l.Event != EventLost || l.Lost != 7 {
		t.Errorf("lost line: %+v, %v", l, err)
	}
	for _, bad := range []string{`{"event":"surprise"}`, `{"f":1,"x":2}`, `[]`, `{"f":1}{"f":2}`} {
		if _, err := ParseLine([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// FuzzCommand parses any line; what is accepted must survive its own encoding.
func FuzzCommand(f *testing.F) {
	b, _ := Command{Start: &Start{At: 5, Flows: []Flow{exampleFlow()}}}.Encode()
	f.Add(b)
	f.Add([]byte(`{"stop":true}`))
	f.Add([]byte(`{"start":{"at":1,"flows":[{"id":1,"kind":"reused","target":"[::1]:1","period":1000000,"offset":0}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCommand(data)
		if err != nil {
			return
		}
		b, err := c.Encode()
		if err != nil {
			t.Fatalf("accepted %q but cannot encode it: %v", data, err)
		}
		if _, err := ParseCommand(b); err != nil {
			t.Fatalf("%q became %q: %v", data, b, err)
		}
	})
}

// FuzzLine parses any line of a sampler's output. What the short cut reads the
// strict decoder must read in the same way.
func FuzzLine(f *testing.F) {
	f.Add(Record{Flow: 1, Seq: 2, Planned: 3, Sent: 4, Done: 5, Error: Reset}.AppendJSON(nil))
	f.Add(Record{Flow: 1, Seq: -1, Planned: 1 << 62, Done: -1, Peer: "fd00::1"}.AppendJSON(nil))
	f.Add([]byte(`{"f":01,"n":-0,"p":3,"s":4,"d":5,"e":""}`))
	f.Add([]byte(`{"event":"ready"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLine(data)
		if err == nil && l.Event != "" && l.Event != EventReady && l.Event != EventStopped && l.Event != EventLost && l.Event != EventError && l.Event != EventClock {
			t.Fatalf("accepted event %q", l.Event)
		}
		if r, ok := scanRecord(data); ok {
			var slow Line
			if err := strict(data, &slow); err != nil || slow != (Line{Record: r}) {
				t.Fatalf("%q: short cut %+v, strict decoder %+v, %v", data, r, slow, err)
			}
		}
	})
}

func TestScanRecordReadsWhatIsWritten(t *testing.T) {
	for _, r := range []Record{
		{},
		{Flow: 27, Seq: Break, Planned: 1 << 60, Sent: 1, Done: 1 << 61, Error: Unreachable},
		{Flow: 27, Seq: 3, Error: Wrong, Peer: "10.244.1.3"},
		{Peer: "fd00:244:1::3"},
	} {
		if got, ok := scanRecord(r.AppendJSON(nil)); !ok || got != r {
			t.Errorf("%+v was read as %+v, %v", r, got, ok)
		}
	}
}
