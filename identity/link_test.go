package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"
	"testing"
	"time"
)

// link is a place to meet. A client remembers a session under the address that it dialled, so the handshakes of a test
// that resumes use one link.
type link struct{ l net.Listener }

func newLink(t testing.TB) link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return link{l}
}

// end is how a handshake went for one side: the error of the handshake, or of the one byte that follows it.
type end struct {
	state tls.ConnectionState
	err   error
}

const hang = 30 * time.Second // fires only if something hangs

// meet makes one handshake. The server sends a byte when it is content: in TLS 1.3 a client is done before the server has
// looked at its certificate, so only a read shows whether it was refused, and only a read takes in the session ticket.
func (k link) meet(t testing.TB, server, client *tls.Config) (s, c end) {
	t.Helper()
	served := make(chan end, 1)
	go k.serve(server, served)
	c = k.dial(client)
	return <-served, c
}

func (k link) serve(config *tls.Config, served chan<- end) {
	raw, err := k.l.Accept()
	if err != nil {
		served <- end{err: err}
		return
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(hang))
	conn := tls.Server(raw, config)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		served <- end{conn.ConnectionState(), err}
	} else {
		_, err := conn.Write([]byte{1})
		served <- end{conn.ConnectionState(), err}
	}
	// Wait for the client to leave: closing with its bytes unread would send a reset, which may overtake our alert.
	raw.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, raw)
}

func (k link) dial(config *tls.Config) end {
	raw, err := net.Dial("tcp", k.l.Addr().String())
	if err != nil {
		return end{err: err}
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(hang))
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		return end{conn.ConnectionState(), err}
	}
	_, err = conn.Read(make([]byte, 1))
	return end{conn.ConnectionState(), err}
}

// Alerts. https://www.rfc-editor.org/rfc/rfc8446#section-6.2
const (
	alertBadCertificate      = 42
	alertProtocolVersion     = 70
	alertInternalError       = 80
	alertCertificateRequired = 116
)

// remoteAlert returns the number of the alert that the other side sent, 0 for any other error. crypto/tls keeps the type
// of alerts to itself outside QUIC, hence the reflection.
func remoteAlert(err error) uint64 {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0
	}
	if v := reflect.ValueOf(op.Err); v.CanUint() {
		return v.Uint()
	}
	return 0
}
