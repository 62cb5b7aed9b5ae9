package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// Drain is how long a data plane may take to end its connections. Applications'
// flows are stopped before a subject is displaced, so that it is hardly ever used.
const Drain = 2 * time.Second

// sidecarConfig is the file of `bulkhead-sidecar`.
type sidecarConfig struct {
	Workload  string           `json:"workload"`
	Discovery *discoveryConfig `json:"discovery"`
	CA        caConfig         `json:"ca"`
	Drain     string           `json:"drain"`
	Ready     string           `json:"ready"`
	Faults    string           `json:"faults"`
	Admin     string           `json:"admin"`
	Tunnels   *tunnelsConfig   `json:"tunnels,omitempty"`
}

// caConfig is where a data plane has its SVIDs signed.
type caConfig struct {
	Socket string `json:"socket"`
	Token  string `json:"token"`
}

// discoveryConfig is where a data plane has its mesh from.
type discoveryConfig struct {
	Address   string   `json:"address,omitempty"` // of one; older builds know nothing else
	Addresses []string `json:"addresses,omitempty"`
	Token     string   `json:"token"`
}

// discovery is that of a node or of a pod's sidecar: control, as on a cluster.
func (l *Lab) discovery(owner string) *discoveryConfig {
	c := &discoveryConfig{Token: l.tokenFile(owner)}
	servers := l.servers()
	if len(servers) == 1 {
		c.Address = l.addressOf(servers[0])
		return c
	}
	for _, part := range servers {
		c.Addresses = append(c.Addresses, l.addressOf(part))
	}
	return c
}

func (l *Lab) planSidecars(d *dataPlane) {
	for _, p := range l.topology.Pods {
		c := l.sidecar(p, d.subject)
		d.containers = append(d.containers, c)
		d.serving[p.Name()] = c
	}
}

func (l *Lab) beginSidecars(ctx context.Context, d *dataPlane) error {
	return l.each(l.topology.Pods, atOnce, func(p Pod) error {
		if err := l.capture(ctx, p, "install", "--placement", "sidecar"); err != nil {
			return err
		}
		return d.serving[p.Name()].start(ctx)
	})
}

// displaceSidecars stops capturing first: a pod whose sidecar is gone but whose
// rules are not would be cut off.
func (l *Lab) displaceSidecars(ctx context.Context) error {
	return l.each(l.topology.Pods, givenBackOnce, func(p Pod) error {
		return l.capture(ctx, p, "remove", "--timeout", Drain.String())
	})
}

// sidecar is the container beside one pod's application.
func (l *Lab) sidecar(p Pod, s Subject) *container {
	ready := l.podFile(p.Name(), "ready")
	return &container{
		name:   "sidecar " + p.Name(),
		node:   p.Node,
		policy: s.Restart,
		grace:  Drain + 4*time.Second, // it clears its backlog first, for two seconds at most
		report: l.event,
		begin:  func() (*process, error) { return l.startSidecar(p, s, ready) },
		serve: func(ctx context.Context, c *process) error {
			return poll(ctx, c, func() (bool, error) {
				_, err := os.Stat(ready)
				return err == nil, nil
			})
		},
	}
}

// sidecarUID is what Istio's sidecars run as.
const sidecarUID = 1337

// startSidecar starts it as a kubelet would: inside the pod, with a root, a pid
// namespace, a cgroup and a uid of its own, and with the one capability that it needs.
func (l *Lab) startSidecar(p Pod, s Subject, ready string) (*process, error) {
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	config := l.podFile(p.Name(), "config.yaml")
	if err := l.writeSidecar(p, s, config, ready); err != nil {
		return nil, err
	}
	link, err := l.linkCell(p.Name())
	if err != nil {
		return nil, err
	}
	cell, err := filepath.EvalSymlinks(link) // a kubelet pulls the image, whatever it is called
	if err != nil {
		return nil, err
	}
	group, err := l.groups.of(p, containerSidecar, sidecarWall)
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	shim := l.bin("bulkhead-node")
	spec := jail.Spec{
		Netns: -1, Files: -1, NoFile: sidecarWall.files, Caps: []string{"net_raw"}, NoNewPrivs: true,
		NoRaw: jail.Probe().Seccomp == nil, // a manifest's seccompProfile (docs/trust.md)
		Argv:  []string{cell, "--config", config},
	}
	if l.manyUIDs {
		spec.UID, spec.GID = sidecarUID, sidecarUID
	}
	b := box{
		read:  []string{shim, cell, l.path(controlDir)},
		write: []string{filepath.Dir(config)},
	}
	if group != nil {
		b.cgroups = group.Dirs()
		b.read = append(b.read, b.cgroups...) // as a container runtime shows them
	}
	c, err := l.start(program{
		name: "sidecar " + p.Name(), box: &b,
		argv: append([]string{shim, "shim"}, spec.Args()...),
		ns:   l.fabric.pods[p.Name()], env: sidecarWall.environment(), piped: true,
	})
	if err != nil || group == nil {
		return c, err
	}
	if err := c.expend(); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// writeSidecar writes what a manifest would mount, for the sidecar's uid.
func (l *Lab) writeSidecar(p Pod, s Subject, config, ready string) error {
	b, err := yaml.Marshal(sidecarConfig{
		Workload: p.Name(), Discovery: l.discovery(p.Name()), Ready: ready, Faults: l.faultsFile(p), Drain: Drain.String(), Admin: l.sidecarSocket(p),
		CA: caConfig{Socket: l.socketOf(CA), Token: l.tokenFile(p.Name())}, Tunnels: s.tunnels(),
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(config, b, 0o600); err != nil || !l.manyUIDs {
		return err
	}
	var errs []error
	for _, path := range []string{filepath.Dir(config), config, l.tokenFile(p.Name())} {
		errs = append(errs, os.Chown(path, sidecarUID, sidecarUID))
	}
	return errors.Join(errs...)
}
