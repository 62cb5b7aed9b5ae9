package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// nodeConfig is the file of `bulkhead-node`. The lab writes it by itself instead of
// linking the keeper: it drives the executables from outside, as anybody would.
type nodeConfig struct {
	Node      string           `json:"node"`
	Isolation string           `json:"isolation"`
	Custody   string           `json:"custody"`
	Liveness  livenessConfig   `json:"liveness"`
	Budgets   budget.Config    `json:"budgets,omitzero"`
	Restart   restartConfig    `json:"restart"`
	Mesh      string           `json:"mesh,omitempty"`
	Discovery *discoveryConfig `json:"discovery,omitempty"`
	CA        caConfig         `json:"ca"`
	Admin     string           `json:"admin"`
	Cell      string           `json:"cell"`
	Drain     string           `json:"drain"`
	Cgroup    string           `json:"cgroup,omitempty"`
	UIDs      *uidsConfig      `json:"uids,omitempty"`
	Walls     wallsConfig      `json:"walls"`
	Tunnels   *tunnelsConfig   `json:"tunnels,omitempty"`
}

type tunnelsConfig struct {
	Pool string `json:"pool,omitempty"`
	QUIC string `json:"quic,omitempty"`
}

// tunnels are what a file says of them; nil: nothing.
func (s Subject) tunnels() *tunnelsConfig {
	c := tunnelsConfig{Pool: s.Pool}
	if s.Transport == OverQUIC {
		c.QUIC = "on"
	}
	if c == (tunnelsConfig{}) {
		return nil
	}
	return &c
}

type livenessConfig struct {
	Off bool `json:"off,omitempty"`
}

type restartConfig struct {
	Initial string  `json:"initial"`
	Factor  float64 `json:"factor"`
	Max     string  `json:"max"`
}

type uidsConfig struct {
	First int `json:"first"`
	Count int `json:"count"`
}

// Each node's cells have uids of their own, where the lab has more than one.
const (
	firstUID    = 70_000
	uidsPerNode = 1000
)

func (l *Lab) planNodes(d *dataPlane) {
	for _, n := range l.topology.Nodes {
		c := l.nodeProxy(n, d)
		d.containers = append(d.containers, c)
		for _, p := range l.podsOf(n.Name) {
			d.serving[p.Name()] = c
		}
	}
}

func beginNodes(ctx context.Context, d *dataPlane) error {
	errs := make(chan error, len(d.containers))
	for _, c := range d.containers {
		go beginNode(ctx, c, errs)
	}
	var all error
	for range d.containers {
		all = errors.Join(all, <-errs)
	}
	return all
}

func beginNode(ctx context.Context, c *container, errs chan<- error) { errs <- c.start(ctx) }

func (l *Lab) podsOf(node string) []Pod {
	return slices.DeleteFunc(slices.Clone(l.topology.Pods), func(p Pod) bool { return p.Node != node })
}

// displaceNodes gives the pods back one by one. Where the keeper does not do it,
// because it is the thing that broke, the rules are removed without it; but a keeper
// that is there and refuses is an error all the same.
func (l *Lab) displaceNodes(ctx context.Context, d *dataPlane) error {
	return l.each(l.topology.Pods, givenBackOnce, func(p Pod) error {
		err := d.admins[p.Node].remove(ctx, p.Name())
		if err == nil {
			return nil
		}
		var refused *admin.RefusedError
		if !errors.As(err, &refused) || refused.Status == http.StatusNotFound {
			err = nil
		}
		return errors.Join(err, l.capture(ctx, p, "remove", "--timeout", Drain.String()))
	})
}

// nodeProxy is the container of a node's proxy. Its pods are told to it again each
// time that it starts, as a CNI plugin would.
func (l *Lab) nodeProxy(n Node, d *dataPlane) *container {
	socket := l.adminSocket(n)
	admin := newNodeAdmin(socket)
	d.admins[n.Name] = admin
	return &container{
		name:   n.Name,
		node:   n.Name,
		policy: d.subject.Restart,
		grace:  Drain + 5*time.Second,
		report: l.event,
		begin:  func() (*process, error) { return l.startNode(n, d.subject, socket) },
		serve: func(ctx context.Context, c *process) error {
			if err := poll(ctx, c, func() (bool, error) { return admin.ready(ctx), nil }); err != nil {
				return err
			}
			return l.each(l.podsOf(n.Name), atOnce, func(p Pod) error { return l.served(ctx, c, admin, p) })
		},
	}
}

// served hands one pod to the keeper. What the keeper's processes said last is the
// reason why it could not.
func (l *Lab) served(ctx context.Context, c *process, admin *nodeAdmin, p Pod) error {
	if err := admin.add(ctx, p, l.netnsPath(p)); err != nil {
		return fmt.Errorf("%w; last words of %s: %s", err, c.name, lastWords(c.log))
	}
	return nil
}

func (l *Lab) adminSocket(n Node) string { return l.path("admin-" + n.Name + ".sock") }

func (l *Lab) startNode(n Node, s Subject, socket string) (*process, error) {
	file := n.Name + ".yaml"
	if _, err := l.linkCell(n.Name); err != nil {
		return nil, err
	}
	if err := l.writeYAML(file, l.nodeConfig(n, s, socket)); err != nil {
		return nil, err
	}
	return l.start(program{
		name: n.Name,
		argv: []string{l.binOf(s, "bulkhead-node"), "--config", l.path(file), "--allow-faults"},
		ns:   l.fabric.nodes[n.Name], ownPIDs: true, piped: true,
	})
}

func (l *Lab) nodeConfig(n Node, s Subject, socket string) nodeConfig {
	if s.Custody == "" {
		s.Custody = CustodyAnchor
	}
	if s.Cells == (Policy{}) {
		s.Cells = KeeperPolicy
	}
	c := nodeConfig{
		Node: n.Name, Isolation: s.Isolation, Custody: s.Custody, Liveness: livenessConfig{Off: !s.Liveness}, Budgets: budget.Config{Off: s.Budgets == BudgetsOff},
		Restart:   restartConfig{Initial: s.Cells.Initial.String(), Factor: s.Cells.Factor, Max: s.Cells.Max.String()},
		Discovery: l.discovery(n.Name), CA: caConfig{Socket: l.socketOf(CA), Token: l.tokenFile(n.Name)},
		Admin: socket, Cell: l.cellProgram(n.Name), Drain: Drain.String(), Cgroup: l.groups.node(n.Name),
		Walls: nodeWalls(),
	}
	if s.Bin != "" {
		c.Cell = l.binOf(s, "bulkhead-cell")
		c.Mesh, c.Discovery = l.path(meshFile), nil // an older build may not speak xDS
	}
	c.Tunnels = s.tunnels()
	if s.Stressed {
		c.Walls = stressedWalls
		c.Budgets.Limits = stressedBudget
	}
	if l.manyUIDs {
		c.UIDs = &uidsConfig{First: firstUID + (n.Number-1)*uidsPerNode, Count: uidsPerNode}
	}
	return c
}
