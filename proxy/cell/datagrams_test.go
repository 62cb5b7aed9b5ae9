package cell

import (
	"errors"
	"os"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
)

// What a Serve says of QUIC comes with its socket, or is no message.
func TestQUICOfAServe(t *testing.T) {
	id, err := identity.New("cluster.local", "a", "x")
	if err != nil {
		t.Fatal(err)
	}
	workload, err := mesh.Workload{UID: "a/x", Identity: id}.Wire()
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	key[31] = 7
	for name, c := range map[string]struct {
		quic  *QUIC
		files []string
		good  bool
	}{
		"none":            {nil, nil, true},
		"whole":           {&QUIC{Slot: steer.Slots - 1, Key: key}, []string{FileQUIC}, true},
		"no socket":       {&QUIC{Key: key}, nil, false},
		"only a socket":   {nil, []string{FileQUIC}, false},
		"two sockets":     {&QUIC{Key: key}, []string{FileQUIC, FileQUIC}, false},
		"no such slot":    {&QUIC{Slot: steer.Slots, Key: key}, []string{FileQUIC}, false},
		"half of the key": {&QUIC{Key: key[:16]}, []string{FileQUIC}, false},
	} {
		var files []*os.File
		for range c.files {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			files = append(files, f)
		}
		a, err := assignment(&Serve{Workload: workload, QUIC: c.quic, Files: c.files}, files)
		var malformed *MalformedError
		switch {
		case c.good && err != nil, !c.good && !errors.As(err, &malformed):
			t.Errorf("%s: %v", name, err)
		case c.good && (a.Datagrams != nil) != (c.quic != nil):
			t.Errorf("%s: %+v", name, a.Datagrams)
		case c.good && c.quic != nil && (a.Datagrams.Slot != c.quic.Slot || a.Datagrams.Key[31] != 7 || a.Datagrams.Socket != files[0]):
			t.Errorf("%s: %+v", name, a.Datagrams)
		}
	}
}
