package keeper

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// marker is in everything that pods in the mesh say to each other: never in
// plaintext on the wire.
const marker = "MARKER-OF-A-CAPTURED-CONNECTION"

// A resident is a pod of the life, whether it is in the mesh just now or not, and
// what the test believes of it.
type resident struct {
	sandbox.End
	uid, namespace, account string

	use     sync.RWMutex // read by who talks to it; written by who takes it out
	present atomic.Bool
	trouble atomic.Int64 // odd while its cell was struck
	moved   Isolation
	group   string    // at the end of the last step
	visited []string  // groups that it was moved to in this step
	pid     int       // of its cell
	since   time.Time // that that process serves it
}

// life is a node, its residents, and what the test believes of both.
type life struct {
	*node
	t         *testing.T
	rand      *rand.Rand
	residents []*resident
	wire      *sandbox.Sniffer
	isolation Isolation
	overrides Overrides
	deny      bool                 // nobody of b may talk to a
	policy    atomic.Int64         // odd while that changes
	before    []CellStatus         // at the end of the last step
	left      map[string]time.Time // when somebody left a group
	step      string
	count     int
	taken     map[string]int

	keys      issuedKeys
	served    map[int]map[string]bool // by pid: the identities of whom it may have served
	flows     []*flow
	failures  chan failure
	trespass  chan string
	made      atomic.Int64
	denied    atomic.Int64
	quiet     int // descriptors of the anchor without pods and cells
	stopTalk  context.CancelFunc
	talking   sync.WaitGroup
	mayTalkMu sync.Mutex
}

type failure struct {
	from, to *resident
	err      error
}

// newLife starts a node without pods, and seven namespaces that may become some:
// two replicas of one identity, a namespace of several accounts, an intruder.
func newLife(t *testing.T, r *rand.Rand) *life {
	names := []string{"a/web-0", "a/web-1", "a/db", "b/web", "b/db", "c/intruder", "c/web"}
	f := sandbox.NewFabric(t, len(names))
	l := &life{
		t: t, rand: r, wire: sandbox.NewSniffer(t, f.Switch), isolation: Shared, taken: map[string]int{}, left: map[string]time.Time{}, served: map[int]map[string]bool{},
		failures: make(chan failure, 1024), trespass: make(chan string, 1024),
	}
	for i, uid := range names {
		namespace, name, _ := strings.Cut(uid, "/")
		account, _, _ := strings.Cut(name, "-")
		l.residents = append(l.residents, &resident{End: f.Ends[i], uid: uid, namespace: namespace, account: account})
	}
	l.node = &node{dir: t.TempDir(), stderr: &lockedBuffer{}}
	var ids []identity.ID
	for _, p := range l.residents {
		id, err := identity.New("cluster.local", p.namespace, p.account)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	l.serveCAThatTells(t, ids, l.keys.add)
	l.writeMesh()
	l.writeNode()
	bin, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	l.launch(t, bin)
	for _, p := range l.residents {
		l.serveApplication(p)
	}
	l.quiet = l.anchorFiles()
	l.talk()
	return l
}

func (l *life) writeMesh() {
	var b strings.Builder
	b.WriteString("trustDomain: cluster.local\nworkloads:\n")
	for _, p := range l.residents {
		_, name, _ := strings.Cut(p.uid, "/")
		addresses := fmt.Sprint(p.A4)
		if p.A6.IsValid() {
			addresses += fmt.Sprintf(", %q", p.A6)
		}
		fmt.Fprintf(&b, "- {uid: %s, name: %s, namespace: %s, serviceAccount: %s, node: one, addresses: [%s], protocol: HBONE}\n", p.uid, name, p.namespace, p.account, addresses)
	}
	b.WriteString("policies:\n- {name: no-intruders, namespace: a, scope: namespace, action: DENY, rules: [{namespaces: [c]}]}\n")
	if l.deny {
		b.WriteString("- {name: no-b, namespace: a, scope: namespace, action: DENY, rules: [{namespaces: [b]}]}\n")
	}
	l.replaceFile("mesh.yaml", b.String())
}

func (l *life) writeNode() {
	var b strings.Builder
	fmt.Fprintf(&b, "node: one\nmesh: %[1]s/mesh.yaml\nca: {socket: %[1]s/ca.sock, token: %[1]s/token}\nadmin: %[1]s/admin.sock\n", l.dir)
	b.WriteString("drain: 1s\nrestart: {initial: 50ms, factor: 1}\nliveness: {interval: 500ms, misses: 10}\n")
	fmt.Fprintf(&b, "isolation: %s\noverrides:\n  namespaces: {", l.isolation)
	for name, i := range l.overrides.Namespaces {
		fmt.Fprintf(&b, "%s: %s, ", name, i)
	}
	b.WriteString("}\n  workloads: {")
	for name, i := range l.overrides.Workloads {
		fmt.Fprintf(&b, "%s: %s, ", name, i)
	}
	b.WriteString("}\n")
	l.replaceFile("node.yaml", b.String())
}

// replaceFile puts a whole file in place of another: half a file is another test.
func (l *life) replaceFile(name, text string) {
	l.write(l.t, name+".new", text)
	if err := os.Rename(l.dir+"/"+name+".new", l.dir+"/"+name); err != nil {
		l.t.Fatal(err)
	}
}

// serveApplication answers every line with the resident's name, and reports who
// should not have come through.
func (l *life) serveApplication(p *resident) {
	listener, err := p.Listen(netns.ListenOptions{Port: 8080})
	if err != nil {
		l.t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			l.inspect(c, p)
			open.Go(func() { defer c.Close(); answerLines(c, p.uid) })
		}
	})
	l.t.Cleanup(func() { listener.Close(); open.Wait() })
}

func (l *life) inspect(c net.Conn, p *resident) {
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return
	}
	from := l.at(peer.Addr())
	if from == nil || !from.present.Load() || !p.present.Load() {
		return
	}
	if !l.allowed(from, p) && l.policy.Load()%2 == 0 {
		l.trespass <- fmt.Sprintf("%s was let in to %s", from.uid, p.uid)
	}
}

func (l *life) at(a netip.Addr) *resident {
	for _, p := range l.residents {
		if a.Unmap() == p.A4 || a == p.A6 {
			return p
		}
	}
	return nil
}

// answerLines takes lines apart by hand: a reader's buffer per connection would be
// most of the test's memory.
func answerLines(c net.Conn, name string) {
	line := make([]byte, 256)
	n := 0
	for n < len(line) {
		m, err := c.Read(line[n:])
		if err != nil {
			return
		}
		n += m
		for {
			i := bytes.IndexByte(line[:n], '\n')
			if i < 0 {
				break
			}
			if _, err := io.WriteString(c, name+" "+string(line[:i+1])); err != nil {
				return
			}
			n = copy(line, line[i+1:n])
		}
	}
}

// allowed is what the policies say. The caller knows whether they are changing.
func (l *life) allowed(from, to *resident) bool {
	l.mayTalkMu.Lock()
	defer l.mayTalkMu.Unlock()
	return to.namespace != "a" || from.namespace == "a" || from.namespace == "b" && !l.deny
}

func (l *life) setDeny(v bool) {
	l.mayTalkMu.Lock()
	defer l.mayTalkMu.Unlock()
	l.deny = v
}

// anchorFiles counts what the anchor has open: nothing of a pod or a cell that is
// gone may be among it.
func (l *life) anchorFiles() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.cmd.Process.Pid))
	if err != nil {
		l.t.Fatal(err)
	}
	return len(entries)
}

// talkInterval keeps the traffic of the test from being all that the machine does.
const talkInterval = 5 * time.Millisecond
