package peers

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience fires on a hang only.
const patience = 30 * time.Second

// exampleSide is a side that nothing is started of.
func exampleSide(t *testing.T) Side {
	t.Helper()
	client, _, err := Issue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client.Listen, client.Next, client.Bulkhead = netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2"), bulkhead
	return client
}

// free is an address that nobody listens at.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return addrPort(l.Addr())
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// start runs a command until the test ends, and returns when it takes connections.
func start(t *testing.T, c Command) {
	t.Helper()
	var said locked
	p := exec.Command(c.Argv[0], c.Argv[1:]...)
	p.Env = append(os.Environ(), c.Env...)
	p.Stdout, p.Stderr = &said, &said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s does not end by SIGTERM", c.Argv)
			_ = p.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", c.Argv, said.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if probe, err := net.Dial("tcp", c.Ready.String()); err == nil {
			probe.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", c.Argv, err, said.String())
		case <-ctx.Done():
			t.Fatalf("%s does not listen at %v\n%s", c.Argv, c.Ready, said.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// locked is a buffer that a process writes and a test reads.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// pair starts both ends before an application, with a wire between them: the address where the client's end goes,
// made from that where the server's end listens. It returns where to dial.
func pair(t *testing.T, p Peer, application netip.AddrPort, wire func(server netip.AddrPort) netip.AddrPort) netip.AddrPort {
	t.Helper()
	client, server, err := Issue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return pairOf(t, p, client, server, application, wire)
}

func pairOf(t *testing.T, p Peer, client, server Side, application netip.AddrPort, wire func(netip.AddrPort) netip.AddrPort) netip.AddrPort {
	t.Helper()
	client.Bulkhead, server.Bulkhead = bulkhead, bulkhead
	server.Listen, server.Next = free(t), application
	c, err := p.Server(t.TempDir(), server)
	if err != nil {
		t.Fatal(err)
	}
	start(t, c)
	client.Listen, client.Next = free(t), wire(server.Listen)
	if c, err = p.Client(t.TempDir(), client); err != nil {
		t.Fatal(err)
	}
	start(t, c)
	return client.Listen
}

func straight(a netip.AddrPort) netip.AddrPort { return a }
