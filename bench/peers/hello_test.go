package peers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hello is what a server has chosen, which TLS 1.3 says in the clear.
type hello struct {
	Version, Cipher, Exchange uint16
	Resumed                   bool
}

const (
	tls13          = 0x0304
	aes128GCM      = 0x1301
	x25519         = 0x001d
	helloRetry     = 0xcf
	extKeyShare    = 51
	extVersions    = 43
	extPreShared   = 41
	recordHeader   = 5
	serverHello    = 2
	mostHelloBytes = 1 << 14
)

// readHello reads the first record of a server.
func readHello(r io.Reader) (h hello, err error) {
	var head [recordHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return h, err
	}
	n := int(binary.BigEndian.Uint16(head[3:]))
	if head[0] != 22 || n > mostHelloBytes {
		return h, fmt.Errorf("record of type %d, %d bytes", head[0], n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return h, err
	}
	return parseHello(b)
}

func parseHello(b []byte) (h hello, err error) {
	const fixed = 4 + 2 + 32 // header, legacy version, random
	if len(b) < fixed+1 || b[0] != serverHello || len(b) < fixed+1+int(b[fixed])+5 {
		return h, errors.New("no ServerHello")
	}
	if b[6] == helloRetry && b[7] == 0x21 && b[8] == 0xad {
		return h, errors.New("a HelloRetryRequest: the client has guessed the wrong group")
	}
	b = b[fixed+1+int(b[fixed]):]
	h.Cipher = binary.BigEndian.Uint16(b)
	for b = b[5:]; len(b) >= 4; {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+n || n < 2 {
			return h, errors.New("an extension is cut off")
		}
		switch v := binary.BigEndian.Uint16(b[4:]); kind {
		case extKeyShare:
			h.Exchange = v
		case extVersions:
			h.Version = v
		case extPreShared:
			h.Resumed = true
		}
		b = b[4+n:]
	}
	return h, nil
}

// wiretap is a wire that reads each ServerHello which passes.
type wiretap struct {
	mu  sync.Mutex
	all []hello
	err error
}

func (w *wiretap) tap(t *testing.T) func(netip.AddrPort) netip.AddrPort {
	return func(server netip.AddrPort) netip.AddrPort {
		return application(t, func(client *net.TCPConn) {
			to, err := net.Dial("tcp", server.String())
			if err != nil {
				return
			}
			defer to.Close()
			var up sync.WaitGroup
			up.Go(func() { _, _ = io.Copy(to, client); _ = to.(*net.TCPConn).CloseWrite() })
			h, err := readHello(io.TeeReader(to, client))
			w.note(h, err)
			_, _ = io.Copy(client, to)
			client.Close()
			up.Wait()
		})
	}
}

// note forgets connections that ended or broke: somebody looked whether the client's end listens.
func (w *wiretap) note(h hello, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var broke *net.OpError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &broke) && w.err == nil {
		w.err = err
	}
	if err == nil {
		w.all = append(w.all, h)
	}
}

// TestTheSameCipherAndKeyExchange reads what the ends of each pair have agreed upon, one connection after another. A
// session that is resumed says so; where that is the default, or tuned, it is seen to happen.
func TestTheSameCipherAndKeyExchange(t *testing.T) {
	eachPair(t, secured, func(t *testing.T, p Peer) {
		var w wiretap
		near := pair(t, p, application(t, func(c *net.TCPConn) { _, _ = io.Copy(c, c) }), w.tap(t))
		const connections = 4
		for range connections {
			c := dial(t, near)
			err := echo(c)
			c.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.err != nil {
			t.Error(w.err)
		}
		resumed := 0
		for _, h := range w.all {
			if h.Resumed {
				resumed++
				h.Resumed = false
			}
			if diff := cmp.Diff(hello{Version: tls13, Cipher: aes128GCM, Exchange: x25519}, h); diff != "" {
				t.Errorf("agreed upon (-want +got):\n%s", diff)
			}
		}
		switch pooled := p.Name == XNet; {
		case pooled && len(w.all) != 1:
			t.Errorf("%d tunnels for %d connections, want one", len(w.all), connections)
		case !pooled && len(w.all) < connections:
			t.Errorf("%d handshakes for %d connections", len(w.all), connections)
		case !pooled && resumed == 0:
			t.Errorf("no session was resumed in %d handshakes", len(w.all))
		}
	})
}

func FuzzParseHello(f *testing.F) {
	f.Add([]byte{serverHello, 0, 0, 44, 3, 3, 42: 0, 43: 0x13, 44: 1, 48: 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHello(b); err == nil && len(b) < 44 {
			t.Errorf("%+v of %d bytes", h, len(b))
		}
	})
}
