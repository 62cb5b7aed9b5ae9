package h2

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/cork"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Every mangled trace against the end that it was meant for, and
// beside an honest tunnel of the same transport. No panic, no hang, nothing left.

func TestMangledToServer(t *testing.T) { mangledTo(t, "client", (*victim).accept, piped, 1) }
func TestMangledToClient(t *testing.T) { mangledTo(t, "server", (*victim).dial, piped, 1) }

// As in production, over TLS and package cork, some of the cases: each costs a handshake.
func TestMangledToServerOverTLS(t *testing.T) {
	mangledTo(t, "client", (*victim).accept, sealed(t), 23)
}
func TestMangledToClientOverTLS(t *testing.T) {
	mangledTo(t, "server", (*victim).dial, sealed(t), 23)
}

// piped and sealed make the two ends of a connection: the peer's, and ours.
func piped() (theirs, ours net.Conn) { return net.Pipe() }

func sealed(t *testing.T) func() (theirs, ours net.Conn) {
	config := tlsOfATest(t)
	return func() (net.Conn, net.Conn) {
		c, s := loopback(t)
		theirs := tls.Client(c, config)
		ours := tls.Server(cork.New(s, s), config)
		shaken := make(chan error, 1)
		go func() { shaken <- ours.Handshake() }()
		if err := errors.Join(theirs.Handshake(), <-shaken); err != nil {
			t.Error(err)
		}
		return theirs, ours
	}
}

// tlsOfATest is good for both ends.
func tlsOfATest(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS13,
	}
}

func mangledTo(t *testing.T, end string, attack func(*victim, *testing.T, mangled), ends func() (theirs, ours net.Conn), nth int) {
	for _, peers := range []string{"ours-ours", "xnet-ours", "ours-xnet"} {
		t.Run(peers, func(t *testing.T) {
			v := newVictim(t)
			v.ends = ends
			n := 0
			_, frames := split(t, trace(t, peers+"."+end))
			mangle(frames, func(m mangled) {
				if n++; n%nth == 0 {
					attack(v, t, m)
				}
			})
			t.Logf("%d cases, %d of them with a neighbour", n/nth, v.beaten)
			if v.beaten == 0 {
				t.Error("no tunnel ever went on")
			}
			waitFor(t, "the bytes to be given back", func() bool { return v.account.Buffered() <= v.idle })
		})
	}
}

// victim is the transport that is attacked.
type victim struct {
	tunnel.Transport
	ends    func() (theirs, ours net.Conn)
	account *budget.Account
	idle    int64
	beaten  int // how often stream 1 went on
}

func newVictim(t *testing.T) *victim {
	v := &victim{account: budget.NewAccount(budget.Limits{Bytes: 64 << 20}, budget.NewTurns(1))}
	o := fuzzOptions
	o.HandshakeTimeout = 200 * time.Millisecond // greetings are mangled, too
	o.Account = v.account
	o.OnPanic = func(p any, stack []byte) { t.Errorf("panic: %v\n%s", p, stack) }
	v.Transport = New(o)
	s := stage(t)
	nc, _ := s.serve(t, v, echo)
	s.honest(t, v, nc)
	v.idle = 4 * batchSize // what the honest tunnel may have under way
	return v
}

// accept gives the bytes to an accepting end.
func (v *victim) accept(t *testing.T, m mangled) {
	cc, sc := v.ends()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = v.Serve(context.Background(), sc, converse)
	}()
	p := listenTo(cc)
	_, _ = io.WriteString(cc, http2.ClientPreface)
	_, _ = cc.Write(m.b)
	p.check(t, v, m)
	cc.Close()
	await(t, m, served)
	<-p.ended
}

// dial gives them to a dialling end, once it has asked for its streams.
func (v *victim) dial(t *testing.T, m mangled) {
	sc, cc := v.ends()
	p := listenTo(sc)
	dialled := make(chan struct{})
	go func() {
		defer close(dialled)
		v.converse(cc)
	}()
	n := greeting(m.b)
	_, _ = sc.Write(m.b[:n])
	if n < len(m.b) {
		select {
		case <-p.asked:
		case <-dialled:
		case <-p.ended:
		case <-time.After(hang):
			t.Errorf("hang: %s: the streams", m.name)
		}
		_, _ = sc.Write(m.b[n:])
		p.check(t, v, m)
	}
	sc.Close()
	await(t, m, dialled)
	<-p.ended
}

func await(t *testing.T, m mangled, done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatalf("hang: %s: our end goes on", m.name)
	}
}

// greeting is the length of what comes before the first HEADERS.
func greeting(b []byte) int {
	n := 0
	for len(b)-n >= frameHeaderSize && b[n+3] != byte(http2.FrameHeaders) {
		n += frameHeaderSize + (int(b[n])<<16 | int(b[n+1])<<8 | int(b[n+2]))
	}
	return min(n, len(b))
}

// converse asks for the streams of the conversation, in order, and uses them.
func (v *victim) converse(cc net.Conn) {
	tn, err := v.Client(context.Background(), cc)
	if err != nil {
		return
	}
	var users sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 5 {
		users.Go(func() {
			s, _, err := tn.Open(ctx, target)
			if err == nil {
				_, _ = io.Copy(s, s)
				_ = s.CloseWrite()
				s.Close()
			}
		})
	}
	<-tn.Done()
	users.Wait()
}

// peer reads what our end says.
type peer struct {
	net.Conn
	asked chan struct{} // closed at the fifth HEADERS
	alive chan struct{} // closed at the answer to our PING
	echo  chan struct{} // closed at "beat" on stream 1
	ended chan struct{} // closed at GOAWAY or the end
}

var beat = []byte("beat of stream 1")

func listenTo(c net.Conn) *peer {
	p := &peer{c, make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})}
	go p.listen()
	return p
}

func (p *peer) listen() {
	defer io.Copy(io.Discard, p.Conn)
	defer close(p.ended)
	br := &prefaced{r: p.Conn}
	fr := http2.NewFramer(nil, br)
	heads := 0
	var echoed []byte
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			if heads++; heads == 5 {
				close(p.asked)
			}
		case *http2.PingFrame:
			if f.IsAck() && f.Data == [8]byte{'m'} {
				close(p.alive)
			}
		case *http2.DataFrame:
			if f.StreamID == 1 {
				echoed = append(echoed, f.Data()...)
				if bytes.HasSuffix(echoed, beat) {
					close(p.echo)
				}
			}
		case *http2.GoAwayFrame:
			return
		}
	}
}

// prefaced takes a client's preface off.
type prefaced struct {
	r    io.Reader
	seen bool
}

func (p *prefaced) Read(b []byte) (int, error) {
	if !p.seen {
		p.seen = true
		first := make([]byte, 3)
		if _, err := io.ReadFull(p.r, first); err != nil {
			return 0, err
		}
		if string(first) == http2.ClientPreface[:3] {
			first = nil
			if _, err := io.ReadFull(p.r, make([]byte, len(http2.ClientPreface)-3)); err != nil {
				return 0, err
			}
		}
		p.r = io.MultiReader(bytes.NewReader(first), p.r)
	}
	return p.r.Read(b)
}

// check: when frames of another stream were mangled, the tunnel has ended or stream 1
// goes on (RFC 9113 section 5.4).
func (p *peer) check(t *testing.T, v *victim, m mangled) {
	if !m.whole {
		return
	}
	fr := http2.NewFramer(p.Conn, nil)
	if fr.WritePing(false, [8]byte{'m'}) != nil {
		return
	}
	select {
	case <-p.alive:
	case <-p.ended:
		return
	case <-time.After(hang):
		t.Errorf("hang: %s: neither an end nor the answer to a PING", m.name)
		return
	}
	_ = fr.WriteWindowUpdate(0, 1<<24) // what other streams echoed may have used it up
	_ = fr.WriteData(1, false, beat)
	select {
	case <-p.echo:
		v.beaten++
	case <-p.ended:
		t.Errorf("%s: the tunnel ended after a PING", m.name)
	case <-time.After(hang):
		t.Errorf("hang: %s: stream 1 does not go on", m.name)
	}
}
