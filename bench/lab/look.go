package lab

import (
	"errors"
	"fmt"
	"os"

	"github.com/bulkhead-mesh/bulkhead/identity/ca"
)

// Issued is every SVID that the lab's CA has signed so far.
func (l *Lab) Issued() ([]ca.Issued, error) {
	f, err := os.Open(l.path(issuedFile))
	if err != nil {
		return nil, at("issued", "", err)
	}
	defer f.Close()
	all, err := ca.ReadIssued(f)
	return all, at("issued", "", err)
}

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
