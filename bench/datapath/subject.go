package datapath

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// The CPUs of the two sides.
const (
	clientCPU = 0
	serverCPU = 1
)

// Ports of the application. Those that new connections are spread over are many, since a
// client has 45,000 ports for each and a closed connection keeps its own for a minute.
const (
	firstPort = 9300
	lastPort  = 9315
)

// subject is a way between client and server, while it is measured.
type subject interface {
	// start makes the way, and pins it.
	start(ctx context.Context, w *world) error
	// spent is what the proxies of the client's and of the server's side have used.
	spent() (a, b time.Duration, err error)
	// memory is that of all proxies.
	memory() (int64, error)
	stop(ctx context.Context) error
}

// Build is executables of ours to measure, which may be of another build than this one.
type Build struct{ Name, Dir string }

// ParseBuild reads NAME=DIR.
func ParseBuild(text string) (Build, error) {
	name, dir, ok := strings.Cut(text, "=")
	if !ok || name == "" || dir == "" {
		return Build{}, fmt.Errorf("%q is no build: use NAME=DIR, where DIR has bulkhead-node and bulkhead-cell", text)
	}
	return Build{name, dir}, nil
}

// subjectOf makes the subject of a name.
func (p Params) subjectOf(name string) (subject, error) {
	if i := slices.IndexFunc(p.Builds, func(b Build) bool { return b.Name == name }); i >= 0 {
		return &mesh{isolation: p.Isolation, bin: p.Builds[i].Dir}, nil
	}
	switch name {
	case verdict.Bulkhead:
		return &mesh{isolation: p.Isolation}, nil
	case verdict.BulkheadPoolOff:
		return &mesh{isolation: p.Isolation, pool: lab.PoolOff}, nil
	case verdict.BulkheadQUIC:
		return &mesh{isolation: p.Isolation, quic: true}, nil
	case peers.Direct:
		return nothing{}, nil
	}
	if one, ok := p.peer(name); ok {
		return &pair{peer: one}, nil
	}
	return nil, fmt.Errorf("subject %q is not known: use some of %s", name, strings.Join(p.subjectNames(), ", "))
}

func (p Params) subjectNames() []string {
	names := []string{verdict.Bulkhead, verdict.BulkheadPoolOff, verdict.BulkheadQUIC}
	for _, b := range p.Builds {
		names = append(names, b.Name)
	}
	for _, one := range peers.All() {
		names = append(names, one.Name)
	}
	if p.Ztunnel != "" {
		names = append(names, peers.ZtunnelName)
	}
	return names
}

// peer finds one by its name.
func (p Params) peer(name string) (peers.Peer, bool) {
	if p.Ztunnel != "" && name == peers.ZtunnelName {
		return peers.Ztunnel(p.Ztunnel), true
	}
	return peers.Named(name)
}

// nothing is between client and server.
type nothing struct{}

func (nothing) start(context.Context, *world) error    { return nil }
func (nothing) spent() (a, b time.Duration, err error) { return 0, 0, nil }
func (nothing) memory() (int64, error)                 { return 0, nil }
func (nothing) stop(context.Context) error             { return nil }

// SubjectNames are those that a run can have without being told of others.
func SubjectNames() []string { return Params{}.subjectNames() }
