package lab

import (
	"errors"
	"fmt"
	"os"
)

// NamespaceNames are the lab's names for its network namespaces, by what the links of
// /proc/PID/ns/net and of descriptors say: "net:[4026532000]".
func (l *Lab) NamespaceNames() (map[string]string, error) {
	names := make(map[string]string)
	if l.fabric == nil {
		return names, nil
	}
	name := func(link, what string) error {
		to, err := os.Readlink(link)
		names[to] = what
		return err
	}
	errs := []error{name("/proc/self/ns/net", "fabric")}
	for _, n := range l.topology.Nodes {
		errs = append(errs, name(fmt.Sprintf("/proc/self/fd/%d", l.fabric.nodes[n.Name].File().Fd()), n.Name))
	}
	for _, p := range l.topology.All() {
		errs = append(errs, name(l.netnsPath(p), p.Name()))
	}
	return names, at("namespaces", "", errors.Join(errs...))
}

// ManyUIDs reports whether processes of the lab can have uids of their own, as in the lab
// of the machine's root.
func (l *Lab) ManyUIDs() bool { return l.manyUIDs }

// Applications are the processes of the pods' applications.
func (l *Lab) Applications() []Proc {
	var all []Proc
	for _, p := range l.topology.All() {
		if a := l.apps[p.Name()]; a != nil && !a.process.hasEnded() {
			all = append(all, Proc{PID: a.process.pid, Role: RoleApplication, Name: a.process.name, Node: p.Node, Pods: []string{p.Name()}})
		}
	}
	return all
}

// Secrets are files that belong to one of the lab's processes and to no other, by their
// owners: a node's proxy, a pod's sidecar, control, or the CA.
func (l *Lab) Secrets() map[string][]string {
	files := map[string][]string{
		Discovery: {l.path(Discovery + ".yaml")},
		Replica:   {l.path(Replica + ".yaml")},
		CA:        {l.path(CA + ".yaml"), l.path(issuedFile), l.path(caDir)},
	}
	for _, n := range l.topology.Nodes {
		files[n.Name] = []string{l.tokenFile(n.Name), l.path(n.Name + ".yaml")}
	}
	for _, p := range l.topology.Pods {
		files[p.Name()] = []string{l.tokenFile(p.Name())}
	}
	return files
}

// Sockets are the unix sockets of the lab's processes, by their owners.
func (l *Lab) Sockets() map[string]string {
	sockets := map[string]string{Discovery: l.socketOf(Discovery), CA: l.socketOf(CA)}
	for _, n := range l.topology.Nodes {
		sockets[n.Name] = l.adminSocket(n)
	}
	return sockets
}

// SidecarToken is the file of the token of a pod's sidecar.
func (l *Lab) SidecarToken(pod string) string { return l.tokenFile(pod) }

// NetnsPath is where a process of the lab finds a pod's network namespace.
func (l *Lab) NetnsPath(pod string) string {
	p, _ := l.topology.Pod(pod)
	return l.netnsPath(p)
}

// Bin is the path of one of the executables beside the lab's own.
func (l *Lab) Bin(name string) string { return l.bin(name) }

// Dir is the lab's run directory, which ends with it.
func (l *Lab) Dir() string { return l.options.Dir }
