package lab

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// TestRemovalLeaksNothing: an open captured connection that goes on sending while
// capture is removed, or while somebody deletes or empties the table, never has a
// byte in plaintext on the wire (invariants I1 and I7).
func TestRemovalLeaksNothing(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	for _, isolation := range []string{Sidecar, Shared} {
		for _, c := range []struct {
			name    string
			disturb func(*testing.T, *Lab)
		}{
			{"displaced", func(t *testing.T, l *Lab) {
				if err := l.Displace(t.Context()); err != nil {
					t.Error(err)
				}
			}},
			{"table emptied", func(t *testing.T, l *Lab) { nft(t, l, (*nftables.Conn).FlushTable) }},
			{"table deleted", func(t *testing.T, l *Lab) { nft(t, l, (*nftables.Conn).DelTable) }},
		} {
			t.Run(isolation+" "+c.name, func(t *testing.T) {
				s, err := SubjectOf(isolation, Kubelet(1))
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Place(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				secret := "secret-" + rand.Text()
				sniff, err := l.Sniff([]byte(secret))
				if err != nil {
					t.Fatal(err)
				}
				asker := newAsker(t, l, secret)
				asker.ask(t, 3)
				ctx, cancel := context.WithCancel(t.Context())
				asked := make(chan int, 1)
				go asker.askOn(ctx, asked)
				c.disturb(t, l)
				cancel()
				t.Logf("%d more requests went through", <-asked)
				if err := l.Displace(t.Context()); err != nil {
					t.Error(err)
				}
				if err := sniff.Close(); err != nil {
					t.Error(err)
				}
				if sniff.Seen() > 0 || sniff.Packets() == 0 || sniff.Dropped() > 0 {
					t.Errorf("the secret is in %d of %d packets, %d dropped", sniff.Seen(), sniff.Packets(), sniff.Dropped())
				}
			})
		}
	}
}

const asking, asked = "tenant-c/catalog", "tenant-b/db" // on one node; asker goes IPv4

// nft changes the capturing table of the asking pod behind the data plane's back.
func nft(t *testing.T, l *Lab, change func(*nftables.Conn, *nftables.Table)) {
	t.Helper()
	c := &nftables.Conn{NetNS: int(l.fabric.pods[asking].File().Fd())}
	change(c, &nftables.Table{Name: "bulkhead", Family: nftables.TableFamilyINet})
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
	// What was sent before the change proves nothing: several rounds must follow it.
	time.Sleep(10 * askPeriod)
}

// asker sends HTTP requests with a secret over one connection, which it never
// replaces.
type asker struct {
	conn   net.Conn
	in     *bufio.Reader
	secret string
}

const askPeriod = 10 * time.Millisecond

func newAsker(t *testing.T, l *Lab, secret string) *asker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	to, _ := l.Topology().Pod(asked)
	conn, err := l.fabric.pods[asking].Dial(ctx, netns.DialOptions{Remote: netip.AddrPortFrom(to.IPv4, PagePort)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &asker{conn: conn, in: bufio.NewReader(conn), secret: secret}
}

func (a *asker) once(timeout time.Duration) error {
	if err := a.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", a.secret); err != nil {
		return err
	}
	resp, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (a *asker) ask(t *testing.T, times int) {
	t.Helper()
	for range times {
		if err := a.once(limit); err != nil {
			t.Fatal(err)
		}
	}
}

// askOn asks until the connection breaks or ctx is done. A connection whose packets
// the guard drops does not break by itself, so that the wait for an answer is short.
func (a *asker) askOn(ctx context.Context, asked chan<- int) {
	n := 0
	for ; ctx.Err() == nil; n++ {
		if err := a.once(time.Second); err != nil {
			break
		}
		time.Sleep(askPeriod)
	}
	asked <- n
}

// TestCgroups: root's lab has a kubelet's groups, with the processes in them; an
// ordinary user's has none.
func TestCgroups(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	privileged := hasUID(firstUID)
	if (l.groups.hierarchy != nil) != privileged {
		t.Errorf("cgroups %t, privileged %t", l.groups.hierarchy != nil, privileged)
	}
	if err := l.Place(t.Context(), Subject{Name: Sidecar, Isolation: Sidecar, Restart: Kubelet(1)}); err != nil {
		t.Fatal(err)
	}
	if !privileged {
		return
	}
	const pod = "tenant-a/checkout"
	for pid, container := range map[int]string{l.apps[pod].process.pid: "sampler", l.dataPlane().serving[pod].pid(): "sidecar"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if want := worker.Cgroup + "/node-1/tenant-a_checkout/" + container + "\n"; err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s: %v\n%s", container, want, err, b)
		}
	}
}
