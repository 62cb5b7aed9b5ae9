package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// TestDenseLab: on a dense node pods come and go, the mesh changes, and every process
// that carries bytes is replaced; all of it is seen and counted.
func TestDenseLab(t *testing.T) {
	if !inside(t) {
		return
	}
	dense, err := Dense(3)
	if err != nil {
		t.Fatal(err)
	}
	worker.Topology = dense
	l := upLab(t, nil)
	for _, isolation := range []string{Sidecar, ServiceAccount} {
		t.Run(isolation, func(t *testing.T) {
			s, err := SubjectOf(isolation, Kubelet(1))
			if err != nil {
				t.Fatal(err)
			}
			signed := signedHere(t, l)
			if err := l.Place(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			// Three pods of two accounts: a sidecar each, or a cell per account.
			if got, want := signedHere(t, l)-signed, map[string]int{Sidecar: 3, ServiceAccount: 2}[isolation]; got != want {
				t.Errorf("%d SVIDs were signed for the node, want %d", got, want)
			}
			countsAgree(t, l)
			for _, p := range dense.Pods[:3] {
				comesAndGoes(t, l, p.Name())
			}
			if isolation == ServiceAccount {
				isTold(t, l)
			}
			everyProcessIsReplaced(t, l, map[string]int{Sidecar: 3, ServiceAccount: 2}[isolation])
			if err := l.Displace(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func signedHere(t *testing.T, l *Lab) (n int) {
	t.Helper()
	all, err := l.Signed()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Identity.Namespace() != PeerNamespace {
			n++
		}
	}
	return n
}

// countsAgree: the look at the CPU clocks sees the processes of the other one.
func countsAgree(t *testing.T, l *Lab) {
	t.Helper()
	u, err := l.Usage()
	if err != nil {
		t.Fatal(err)
	}
	used, err := l.CPU(DenseNode)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, p := range u.Procs {
		if p.Node != DenseNode {
			continue
		}
		pids = append(pids, p.PID)
		if p.PSS <= 0 || p.Private <= 0 || p.Threads <= 0 || p.CPU <= 0 || used[p.PID] < p.CPU {
			t.Errorf("%+v, then CPU %v", p, used[p.PID])
		}
	}
	slices.Sort(pids)
	if also := slices.Sorted(maps.Keys(used)); !slices.Equal(pids, also) {
		t.Errorf("processes %v, and %v", pids, also)
	}
}

func comesAndGoes(t *testing.T, l *Lab, pod string) {
	t.Helper()
	if err := l.RemovePod(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody serves "+pod, func() bool {
		procs, err := l.DataPlane(pod)
		return err == nil && len(procs) == 0
	})
	if err := l.AddPod(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	for _, ask := range [][2]string{{pod, "peer/a"}, {"peer/a", pod}} {
		if err := l.Ask(t.Context(), ask[0], ask[1]); err != nil {
			t.Error(err)
		}
	}
}

// isTold: a mesh that changed reaches the cells that have asked for what changed.
func isTold(t *testing.T, l *Lab) {
	t.Helper()
	before, err := l.Pushes(t.Context(), DenseNode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.ChangeMesh(reweigh("peer/a")); err != nil { // comesAndGoes had every pod ask for it
		t.Fatal(err)
	}
	eventually(t, "the cells are told", func() bool {
		now, err := l.Pushes(t.Context(), DenseNode)
		return err == nil && now.Messages > before.Messages && now.Bytes > before.Bytes
	})
}

// reweigh gives a workload another share of the services that it serves.
func reweigh(uid string) func(*mesh.File) {
	share := uint32(2)
	return func(f *mesh.File) {
		for i := range f.Workloads {
			if f.Workloads[i].UID == uid {
				f.Workloads[i].Capacity = &share
			}
		}
	}
}

func everyProcessIsReplaced(t *testing.T, l *Lab, want int) {
	t.Helper()
	carriers := func() map[int]bool {
		pids := make(map[int]bool)
		for _, p := range l.topology.Pods[:3] {
			procs, err := l.DataPlane(p.Name())
			if err != nil || len(procs) != 1 {
				t.Fatalf("%s is served by %v, %v", p.Name(), procs, err)
			}
			pids[procs[0].PID] = true
		}
		return pids
	}
	before := carriers()
	var mu sync.Mutex
	var told []Replacement
	err := l.ReplaceEach(t.Context(), DenseNode, func(r Replacement) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	after := carriers()
	if len(told) != want || len(after) != want {
		t.Errorf("told of %d, %d processes, want %d", len(told), len(after), want)
	}
	used, err := l.CPU(DenseNode)
	if err != nil {
		t.Fatal(err)
	}
	for pid := range before {
		if _, runs := used[pid]; runs {
			t.Errorf("process %d runs still", pid)
		}
	}
	pods := 0
	for _, r := range told {
		pods += r.Pods
		if r.Began <= 0 || r.Served <= r.Began {
			t.Errorf("%+v", r)
		}
	}
	if pods != 3 {
		t.Errorf("what was replaced served %d pods", pods)
	}
	for _, p := range l.topology.Pods[:3] {
		if err := l.Ask(t.Context(), p.Name(), "peer/b"); err != nil {
			t.Error(err)
		}
	}
}

// TestRotation: the next SVID is asked for when half of this one's validity is over.
func TestRotation(t *testing.T) {
	c, err := ca.New(ca.Options{TrustDomain: "cluster.local", TTL: svidLife})
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.New("cluster.local", "tenant-a", "web")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := issuer.NewCSR(key, id)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := c.Sign(csr, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	signedAt := leaf.NotAfter.Add(-svidLife)
	if middle := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2); middle.Sub(signedAt) != Rotation {
		t.Errorf("the middle is %v after the signature, Rotation says %v", middle.Sub(signedAt), Rotation)
	}
}
