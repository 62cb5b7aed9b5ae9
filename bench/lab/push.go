package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// denyAll is what nobody means to push.
var denyAll = mesh.Policy{Name: "deny-all", Namespace: "bulkhead-system", Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{}}}

// defects are ways for a mesh file to be wrong. Each is of a kind that a check of one
// resource by itself would miss, or cuts the file where a writer died.
var defects = []struct {
	is   string
	file func(*mesh.File)
	text func([]byte) []byte // nil: as it is
}{
	{is: "a file that ends half-way", text: func(b []byte) []byte { return b[:len(b)/2] }},
	{is: "a workload that is there twice", file: func(f *mesh.File) { f.Workloads = append(f.Workloads, f.Workloads[0]) }},
	{is: "a policy for a workload that nobody knows", file: func(f *mesh.File) {
		f.Policies = append(f.Policies, mesh.Policy{
			Name: "stray", Namespace: "bulkhead-system", Scope: mesh.ScopeWorkload, Workloads: []string{"nowhere/nobody"}, Action: mesh.Deny,
		})
	}},
	{is: "a workload with a policy that nobody knows", file: func(f *mesh.File) {
		f.Workloads[0].Policies = append(f.Workloads[0].Policies, "nowhere/nothing")
	}},
	{is: "a key that nobody knows", text: func(b []byte) []byte { return append(b, "polices: []\n"...) }},
}

// PushBroken replaces the mesh by one that is wrong, the n-th in a row of ways, and says
// how. It denies everything besides, so that one that were taken would be seen.
func (l *Lab) PushBroken(n int) (how string, err error) {
	d := defects[n%len(defects)]
	f := meshOf(l.topology)
	f.Policies = append([]mesh.Policy{denyAll}, f.Policies...)
	if d.file != nil {
		d.file(&f)
	}
	b, err := yaml.Marshal(f)
	if err != nil {
		return "", at("push", d.is, err)
	}
	if d.text != nil {
		b = d.text(b)
	}
	return d.is, at("push", d.is, l.replaceMesh(b))
}

// PushDenial has the mesh deny everything to everybody.
func (l *Lab) PushDenial() error {
	_, err := l.ChangeMesh(func(f *mesh.File) { f.Policies = append(f.Policies, denyAll) })
	return err
}

// strangersPerService is how many endpoints each service has that PushStrangers adds.
const strangersPerService = 10

// PushStrangers adds so many workloads to the mesh that nobody asks, with their services,
// and returns the size of the file. Those of another round have other names.
func (l *Lab) PushStrangers(n, round int) (int64, error) {
	return l.ChangeMesh(func(f *mesh.File) {
		for i := range n {
			f.Workloads = append(f.Workloads, mesh.Workload{
				UID: fmt.Sprintf("strange/w-%d-%d", round, i), Name: fmt.Sprintf("w-%d-%d", round, i), Namespace: "strange", ServiceAccount: "stranger",
				Node: fmt.Sprintf("far-%d", i%100), Protocol: mesh.HBONE, Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)})},
			})
			if i%strangersPerService > 0 {
				continue
			}
			s := mesh.Service{Name: fmt.Sprintf("s-%d", i), Namespace: "strange", Ports: []mesh.Port{{Port: ServicePort, Target: PagePort}}}
			s.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 201, byte(i >> 8), byte(i)})}
			for j := i; j < min(n, i+strangersPerService); j++ {
				s.Endpoints = append(s.Endpoints, fmt.Sprintf("strange/w-%d-%d", round, j))
			}
			f.Services = append(f.Services, s)
		}
	})
}

// PushNotice adds a policy to the mesh that is of everybody and decides nothing, another one
// for each n, and returns the generations of all pods' policies with it: no other push has
// them.
func (l *Lab) PushNotice(n int) (generations map[string]string, err error) {
	p := denyAll
	p.Name, p.DryRun = fmt.Sprintf("notice-%d", n), true
	var file mesh.File
	if _, err := l.ChangeMesh(func(f *mesh.File) { f.Policies = append(f.Policies, p); file = *f }); err != nil {
		return nil, err
	}
	s, err := mesh.New(file, 1)
	if err != nil {
		return nil, at("push", p.Name, err)
	}
	generations = map[string]string{}
	for _, pod := range l.topology.Pods {
		w, _ := s.Workload(pod.Name())
		generations[pod.Name()] = s.Policies(w).Generation
	}
	return generations, nil
}

// LiftPush has the mesh be that of the topology again.
func (l *Lab) LiftPush() error {
	_, err := l.ChangeMesh(func(*mesh.File) {})
	return err
}

// replaceMesh renames a file into the place of the mesh file: watchers see one or the other.
func (l *Lab) replaceMesh(b []byte) error {
	next := filepath.Join(l.options.Dir, meshFile+".next")
	if err := os.WriteFile(next, b, 0o644); err != nil {
		return err
	}
	return os.Rename(next, l.path(meshFile))
}
