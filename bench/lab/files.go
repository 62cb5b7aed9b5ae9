package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Files of the run directory, which only this user can enter; what a container mounts of
// it can be read there by every uid.
const (
	meshFile   = "mesh/mesh.yaml" // control serves its directory
	controlDir = "control"        // the sockets of control's parts: what pods mount
	hostsFile  = "hosts"
	issuedFile = "issued.jsonl"
	caDir      = "ca-keys" // so that the CA can be started again
)

// svidLife is that of SVIDs in the lab, a usual one; see Issue.
const svidLife = time.Hour

// Rotation is the time from one SVID of an identity to its next: the next one is
// asked for in the middle of the validity, which begins a minute before the signature.
const Rotation = (svidLife - time.Minute) / 2

func (l *Lab) path(name string) string { return filepath.Join(l.options.Dir, name) }

// socketOf is that of a part of the control plane.
func (l *Lab) socketOf(part string) string { return filepath.Join(l.path(controlDir), part+".sock") }

// bin is the path of one of our executables.
func (l *Lab) bin(name string) string { return filepath.Join(l.options.Bin, name) }

// binOf is that of one of a subject's.
func (l *Lab) binOf(s Subject, name string) string {
	if s.Bin != "" {
		return filepath.Join(s.Bin, name)
	}
	return l.bin(name)
}

// tokenFile is the bearer token of a node or of a pod's sidecar.
func (l *Lab) tokenFile(owner string) string {
	if strings.Contains(owner, "/") {
		return l.podFile(owner, "token")
	}
	return l.path("token-" + owner)
}

// podFile is a file of a pod's sidecar, in the directory that it has for itself.
func (l *Lab) podFile(pod, name string) string {
	return filepath.Join(l.path("pod-"+strings.ReplaceAll(pod, "/", "_")), name)
}

// writeFiles writes everything that the data plane and control read.
func (l *Lab) writeFiles() error {
	unix.Umask(0o022) // containers have other uids, and the umask is whoever's who started the lab
	dirs := []string{l.path("log"), l.path(boxRoot), filepath.Dir(l.path(meshFile)), l.path(controlDir)}
	for _, p := range l.topology.Pods {
		dirs = append(dirs, l.podFile(p.Name(), ""))
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return at("files", "", err)
		}
	}
	if err := l.writeYAML(meshFile, meshOf(l.topology)); err != nil {
		return err
	}
	var err error
	if l.grants, err = l.writeTokens(); err != nil {
		return err
	}
	return errors.Join(l.writeCA(svidLife), l.writeDiscovery(Discovery), l.writeDiscovery(Replica))
}

// writeDiscovery writes the file of one that serves the mesh. Nobody asks it for an SVID, so it has none of the
// CA's keys.
func (l *Lab) writeDiscovery(part string) error {
	return l.writeYAML(part+".yaml", control.Config{
		TrustDomain: l.topology.TrustDomain, Socket: l.socketOf(part), Mesh: filepath.Dir(l.path(meshFile)), Tokens: l.grants,
		SocketMode: 0o666, // a sidecar has another uid; tokens guard it
	})
}

func (l *Lab) writeYAML(name string, v any) error {
	b, err := yaml.Marshal(v)
	if err != nil {
		return at("files", name, err)
	}
	return at("files", name, os.WriteFile(l.path(name), b, 0o644))
}

// meshOf is the mesh as the data plane sees it. Sentinels are no part of it.
func meshOf(t Topology) mesh.File {
	f := mesh.File{TrustDomain: t.TrustDomain, Policies: []mesh.Policy{}}
	for i, e := range t.Denied {
		f.Policies = append(f.Policies, t.denial(i, e))
	}
	f.PeerAuthentications = t.strict()
	for _, p := range t.Pods {
		f.Workloads = append(f.Workloads, mesh.Workload{
			UID: p.Name(), Name: p.App, Namespace: p.Namespace, ServiceAccount: p.ServiceAccount(),
			Node: p.Node, Addresses: p.Addresses(), Protocol: mesh.HBONE,
		})
	}
	for _, s := range t.Services {
		f.Services = append(f.Services, mesh.Service{
			Name: s.Name, Namespace: s.Namespace, Addresses: valid(s.IPv4, s.IPv6), Endpoints: []string{s.Pod},
			Ports: []mesh.Port{{Port: ServicePort, Target: PagePort}, {Port: LoadPort, Target: LoadPort}},
		})
	}
	return f
}

// denial is the policy that forbids an edge: to the identity of its client, and only
// at its server.
func (t Topology) denial(i int, e Edge) mesh.Policy {
	from, _ := t.Pod(e.From)
	to, _ := t.Pod(e.To)
	return mesh.Policy{
		Name: fmt.Sprintf("forbidden-%d", i+1), Namespace: to.Namespace, Scope: mesh.ScopeWorkload, Workloads: []string{e.To}, Action: mesh.Deny,
		Rules: []mesh.Rule{{Match: mesh.Match{Principals: []string{t.TrustDomain + "/ns/" + from.Namespace + "/sa/" + from.ServiceAccount()}}}},
	}
}

// strict wants an identity of whoever asks the strict pods.
func (t Topology) strict() (all []mesh.PeerAuthentication) {
	for _, name := range t.Strict {
		p, _ := t.Pod(name)
		all = append(all, mesh.PeerAuthentication{Name: p.App, Namespace: p.Namespace, Workloads: []string{name}, Mode: mesh.Strict})
	}
	return all
}

// writeTokens writes a token for each node, which may ask for the identities of its
// pods, and one for each pod's sidecar, which may ask for its own.
func (l *Lab) writeTokens() ([]bearer.Grant, error) {
	may := make(map[string][]identity.ID)
	for _, p := range l.topology.Pods {
		id, err := identity.New(l.topology.TrustDomain, p.Namespace, p.ServiceAccount())
		if err != nil {
			return nil, at("tokens", p.Name(), err)
		}
		may[p.Node] = append(may[p.Node], id)
		may[p.Name()] = append(may[p.Name()], id)
	}
	var grants []bearer.Grant
	for owner, ids := range may {
		g := bearer.Grant{Token: rand.Text(), Identities: ids}
		if err := os.WriteFile(l.tokenFile(owner), []byte(g.Token), 0o600); err != nil {
			return nil, at("tokens", owner, err)
		}
		grants = append(grants, g)
	}
	return grants, nil
}

// hosts is the file that stands for DNS inside the lab. Where a data plane resolves
// virtual addresses the names of services lead to those, otherwise to the pods.
func hosts(t Topology, virtual bool) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, s := range t.Services {
		addrs := valid(s.IPv4, s.IPv6)
		if p, _ := t.Pod(s.Pod); !virtual {
			addrs = p.Addresses()
		}
		for _, a := range addrs {
			fmt.Fprintf(&b, "%s %s %s.svc.%s\n", a, s.Hostname(), s.Hostname(), t.TrustDomain)
		}
	}
	for _, p := range t.Sentinels {
		for _, a := range p.Addresses() {
			fmt.Fprintf(&b, "%s %s.%s\n", a, p.App, p.Namespace)
		}
	}
	return b.String()
}
