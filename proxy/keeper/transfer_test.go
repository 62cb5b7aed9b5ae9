package keeper

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// transferPort is where the server pod answers what it was sent with its hash.
const transferPort = 8090

// transferSize is what a transfer carries at least. BULKHEAD_TRANSFER says MiB: 1024 is the
// bar of docs/decisions/0036-quic.md.
func transferSize(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv("BULKHEAD_TRANSFER")
	if text == "" {
		return 32 << 20
	}
	mib, err := strconv.Atoi(text)
	if err != nil || mib < 1 {
		t.Fatalf("BULKHEAD_TRANSFER has %q: want MiB, like 1024", text)
	}
	return int64(mib) << 20
}

// hashing is the application of the server pod. What it returns hears of each connection of which a byte has come.
func (n *node) hashing(t *testing.T) (begun <-chan struct{}) {
	t.Helper()
	first := make(chan struct{}, 16)
	n.application(t, transferPort, func(c net.Conn) {
		sum := sha256.New()
		if _, err := io.CopyN(sum, c, 1); err != nil {
			return
		}
		first <- struct{}{}
		if _, err := io.Copy(sum, c); err == nil {
			_, _ = c.Write(sum.Sum(nil))
		}
	})
	return first
}

// transfer is one connection that goes on until it is told to end, and has carried enough.
type transfer struct {
	c     *net.TCPConn
	least int64
	end   chan struct{}
	done  chan error
	sum   hash.Hash
	sent  int64
}

func (n *node) transfer(t *testing.T) *transfer { return n.transferFrom(t, netip.Addr{}) }

// transferFrom has the client's application speak from an address of its pod.
func (n *node) transferFrom(t *testing.T, source netip.Addr) *transfer {
	t.Helper()
	c, err := n.A.Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(n.B4, transferPort), Source: source})
	if err != nil {
		t.Fatal(err)
	}
	x := &transfer{c: c, least: transferSize(t), end: make(chan struct{}), done: make(chan error, 1), sum: sha256.New()}
	go func() { x.done <- x.send() }()
	t.Cleanup(func() { c.Close() })
	return x
}

func (x *transfer) send() error {
	b, source := make([]byte, 1<<20), rand.NewChaCha8([32]byte{7})
	for {
		_, _ = source.Read(b)
		n, err := io.MultiWriter(x.sum, x.c).Write(b)
		x.sent += int64(n)
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", x.sent, err)
		}
		select {
		case <-x.end:
			if x.sent >= x.least {
				return x.c.CloseWrite()
			}
		default:
		}
	}
}

// finish ends it, and wants the server to have read every byte.
func (x *transfer) finish(t *testing.T) {
	t.Helper()
	close(x.end)
	if err := <-x.done; err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(x.c)
	if err != nil || !bytes.Equal(got, x.sum.Sum(nil)) {
		t.Fatalf("the server read something else than the %d bytes that were sent: %x, %v", x.sent, got, err)
	}
}

// I5, I6: a transfer over QUIC loses no byte while its workloads are regrouped, moved and
// replaced around it, and the keeper dies.
func TestATransferOverQUICOutlivesEverything(t *testing.T) {
	n := startNode(t, "isolation: shared\ndrain: 10m\n"+quicOn)
	n.echo(t)
	n.hashing(t)
	n.overQUIC(t)
	x := n.transfer(t)
	file, err := os.ReadFile(filepath.Join(n.dir, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "node.yaml", strings.Replace(string(file), "isolation: shared", "isolation: workload", 1))
	eventually(t, "the node is regrouped", func() error {
		for _, uid := range []string{"a/client", "a/server"} {
			if c := n.cellOf(t, uid); isolationOf(c.Name) != PerWorkload {
				return fmt.Errorf("%s is served by %s", uid, c.Name)
			}
		}
		return nil
	})
	n.overQUIC(t)
	if err := unix.Kill(n.keeperPID(t), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	n.overQUIC(t)
	n.move(t, "a/server", Namespace)
	n.overQUIC(t)
	x.finish(t)
	eventually(t, "the transfer is on record, over QUIC", func() error {
		if !n.lineHas(`"direction":"outbound"`, `"transport":"quic"`, strconv.FormatInt(x.sent, 10)) {
			return fmt.Errorf("no line with %d bytes", x.sent)
		}
		return nil
	})
	t.Logf("%d MiB", x.sent>>20)
}
