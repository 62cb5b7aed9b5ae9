package cork

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is a connection over real sockets; both ends are closed with the test.
func loopback(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	if far, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// secured is a handshaken TLS connection over corks, batching.
func secured(t *testing.T) (client, server *tls.Conn, under, serverUnder *Conn) {
	near, far := loopback(t)
	under, serverUnder = New(near, near), New(far, far)
	client = tls.Client(under, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	server = tls.Server(serverUnder, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, DynamicRecordSizingDisabled: true, SessionTicketsDisabled: true})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	under.Batch()
	serverUnder.Batch()
	return client, server, under, serverUnder
}

func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// readAll is what a tunnel's reader does.
func readAll(c *tls.Conn, under *Conn) ([]byte, error) {
	var all []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if err == Empty {
			err = under.Wait()
		}
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// A batch of many records arrives whole, and leaves with one write.
func TestABatchIsOneWrite(t *testing.T) {
	client, server, under, serverUnder := secured(t)
	writes, waits, drain := 0, 0, under.out.drain // waits: for the peer, with a batch half written
	under.out.drain = func(fd uintptr) bool {
		writes++
		done := drain(fd)
		if !done {
			waits++
		}
		return done
	}
	want := make([]byte, 8<<20)
	rand.Read(want)
	sent := make(chan error, 1)
	go func() {
		for at := 0; at < len(want); at += 128 << 10 {
			under.Hold()
			_, err := client.Write(want[at : at+128<<10])
			if flushed := under.Flush(); err == nil {
				err = flushed
			}
			if err != nil {
				sent <- err
				return
			}
		}
		sent <- client.CloseWrite()
	}()
	got, err := readAll(server, serverUnder)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d of %d bytes, error %v", len(got), len(want), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if n := len(want) / (128 << 10); writes < n || writes-waits > n {
		t.Errorf("%d writes for %d batches", writes, n)
	}
}

// Half a record is no failure: the read goes on where it stopped.
func TestARecordInPieces(t *testing.T) {
	client, server, under, serverUnder := secured(t)
	under.Hold()
	if _, err := client.Write([]byte("one record")); err != nil {
		t.Fatal(err)
	}
	record := bytes.Clone(under.out.held.b)
	under.out.held.b = under.out.held.b[:0]
	if err := under.Flush(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for i := range record {
		if _, err := server.Read(buf); err != Empty {
			t.Fatalf("after %d bytes: %v", i, err)
		}
		if _, err := under.Conn.Write(record[i : i+1]); err != nil {
			t.Fatal(err)
		}
		if err := serverUnder.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	n, err := server.Read(buf)
	if err != nil || string(buf[:n]) != "one record" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if serverUnder.in != nil {
		t.Error("a buffer is held by a connection that has nothing")
	}
}

// A deadline, a reset and a close end a wait.
func TestWaitEnds(t *testing.T) {
	for name, end := range map[string]func(near, far *net.TCPConn){
		"deadline": func(near, _ *net.TCPConn) { near.SetReadDeadline(time.Unix(1, 0)) },
		"close":    func(near, _ *net.TCPConn) { near.Close() },
		"reset":    func(_, far *net.TCPConn) { far.SetLinger(0); far.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := loopback(t)
			k := New(near, near)
			k.Batch()
			ended := make(chan error, 1)
			go func() { ended <- k.Wait() }()
			end(near, far)
			if err := <-ended; err == nil || err == io.EOF {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("the peer's FIN", func(t *testing.T) {
		near, far := loopback(t)
		k := New(near, near)
		k.Batch()
		far.Close()
		if err := k.Wait(); err != io.EOF {
			t.Errorf("got %v", err)
		}
	})
}
