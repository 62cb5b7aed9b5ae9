package cell

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
)

// What a Serve says of QUIC comes with its socket, or is no message. A slot or a key that is of no use
// costs the workload QUIC, and no more.
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
		"none":          {nil, nil, true},
		"whole":         {&QUIC{Slot: steer.Slots - 1, Key: key}, []string{FileQUIC}, true},
		"no socket":     {&QUIC{Key: key}, nil, false},
		"only a socket": {nil, []string{FileQUIC}, false},
		"two sockets":   {&QUIC{Key: key}, []string{FileQUIC, FileQUIC}, false},
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

func TestQUICThatIsOfNoUse(t *testing.T) {
	for name, q := range map[string]*QUIC{
		"no such slot":    {Slot: steer.Slots, Key: make([]byte, 32)},
		"no key":          {},
		"half of the key": {Key: make([]byte, 16)},
	} {
		a := &Assignment{Datagrams: datagramsOf(q)}
		var err error
		if a.Datagrams.Socket, err = os.Open(os.DevNull); err != nil {
			t.Fatal(err)
		}
		socket := a.Datagrams.Socket
		s := &cell{Config: Config{Datagrams: func(*budget.Account, net.PacketConn, *Datagrams) (proxy.Datagrams, error) {
			t.Errorf("%s: QUIC is made", name)
			return nil, nil
		}}}
		if d, err := s.datagrams(nil, nil, a); d != nil || err == nil {
			t.Errorf("%s: %v, %v", name, d, err)
		}
		if socket.Close() == nil {
			t.Errorf("%s: the socket is left open", name)
		}
	}
}
