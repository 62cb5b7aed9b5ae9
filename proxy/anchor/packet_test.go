package anchor

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

var allowPacket = cmp.AllowUnexported(packet{})

func TestPacketAndBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		want := randomPacket(r)
		b, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, allowPacket); d != "" {
			t.Fatal(d)
		}
		// Every packet that is shorter is malformed.
		if _, err := decode(b[:r.IntN(len(b))]); !malformed(err) {
			t.Fatalf("a part of it: %v", err)
		}
	}
}

func randomPacket(r *rand.Rand) packet {
	verbs := []verb("ahdfskrqAHPIE")
	p := packet{verb: verbs[r.IntN(len(verbs))], id: r.Uint32(), number: r.Uint32(), status: r.Uint32(), name: randomString(r, maxName)}
	if s := randomString(r, 300); s != "" {
		p.label = []byte(s)
	}
	for range r.IntN(5) {
		p.argv = append(p.argv, randomString(r, 300))
	}
	for range r.IntN(20) {
		p.env = append(p.env, randomString(r, 300))
	}
	return p
}

func randomString(r *rand.Rand, longest int) string {
	b := make([]byte, r.IntN(longest+1)*r.IntN(2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func malformed(err error) bool {
	var m *MalformedError
	return errors.As(err, &m)
}

func TestPacketLimits(t *testing.T) {
	long := strings.Repeat("x", channel.MaxPacket/2)
	for name, p := range map[string]packet{
		"name":        {verb: verbHold, name: strings.Repeat("x", maxName+1)},
		"label":       {verb: verbHold, name: "x", label: make([]byte, maxLabel+1)},
		"argument":    {verb: verbStart, name: "x", argv: []string{long + long + "x"}},
		"environment": {verb: verbStart, name: "x", argv: []string{"x"}, env: []string{long, long}},
		"arguments":   {verb: verbStart, name: "x", argv: make([]string, maxStrings+1)},
		"just over":   {verb: verbStart, name: "x", env: []string{long, long[:len(long)-20]}},
	} {
		if _, err := p.encode(); !malformed(err) {
			t.Errorf("%s: %v, want a *MalformedError", name, err)
		}
	}
	most := packet{verb: verbStart, name: strings.Repeat("x", maxName), label: make([]byte, maxLabel), argv: make([]string, maxStrings), env: []string{long}}
	b, err := most.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(b); err != nil {
		t.Error(err)
	}
}

func seeds(f *testing.F) {
	for _, p := range []packet{
		{verb: verbAdopt},
		{verb: verbHold, id: 1, name: "listener/tenant-a/checkout", label: []byte(`{"port":15001}`)},
		{verb: verbStart, id: 2, number: startOwnPIDs, name: "cell", argv: []string{"/proc/self/exe", "shim", "--", "x"}, env: []string{"A=b", ""}},
		{verb: verbSignal, id: 3, name: "cell", number: 15},
		{verb: verbSeen, name: "cell", number: 4711},
		{verb: verbAck, id: 3, name: "no such process runs"},
		{verb: verbHeld, name: "x"},
		{verb: verbProcess, name: "cell", number: 4711},
		{verb: verbAdopted},
		{verb: verbExited, name: "cell", number: 4711, status: 9},
	} {
		b, err := p.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(1))
	}
	f.Add([]byte{}, byte(0))
	f.Add([]byte("s\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x\x00\x00\xff\xff"), byte(0))
}

// Whatever the keeper sends, the anchor either refuses it or has what the verb needs.
func FuzzDecodeRequest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, n byte) {
		fds := int(n)
		p := wantOneEncoding(t, b)
		if p == nil || p.checkRequest(fds) != nil {
			return
		}
		switch p.verb {
		case verbAdopt, verbQuit:
		case verbStart:
			if p.name == "" || len(p.argv) == 0 || p.argv[0] == "" {
				t.Errorf("start %+v", p)
			}
		case verbHold:
			if p.name == "" || fds != 1 {
				t.Errorf("hold %+v with %d descriptors", p, fds)
			}
		default:
			if p.name == "" || fds != 0 || strings.IndexByte("dfkr", byte(p.verb)) < 0 {
				t.Errorf("%s %+v with %d descriptors", p.verb, p, fds)
			}
		}
	})
}

// And the other way round.
func FuzzDecodeReport(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, n byte) {
		fds := int(n)
		p := wantOneEncoding(t, b)
		if p == nil || p.checkReport(fds) != nil {
			return
		}
		switch p.verb {
		case verbHeld:
			if fds != 1 {
				t.Errorf("held with %d descriptors", fds)
			}
		case verbAck:
			if fds < 0 || fds > 1 {
				t.Errorf("ack with %d descriptors", fds)
			}
		case verbProcess, verbAdopted, verbExited:
			if fds != 0 {
				t.Errorf("%s with %d descriptors", p.verb, fds)
			}
		default:
			t.Errorf("%s is not a report", p.verb)
		}
	})
}

// wantOneEncoding decodes; what can be decoded has no other encoding.
func wantOneEncoding(t *testing.T, b []byte) *packet {
	t.Helper()
	p, err := decode(b)
	if err != nil {
		if !malformed(err) {
			t.Errorf("error %T", err)
		}
		return nil
	}
	if len(b) > channel.MaxPacket {
		return nil // the channel carries none of this size
	}
	again, err := p.encode()
	if err != nil {
		t.Fatalf("%+v cannot be encoded: %v", p, err)
	}
	if !bytes.Equal(again, b) {
		t.Errorf("%x is encoded as %x", b, again)
	}
	return &p
}
