package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// Control is one CA, one mesh, and who may use them.
type Control struct {
	cfg       Config
	log       *slog.Logger
	ca        *ca.CA
	tokens    *bearer.Tokens
	issued    *ca.IssuedLog // nil: none
	placement placement
	discovery *xds.Server
	mesh      *mesh.Watched // nil: it serves none
}

// New loads or makes the CA. A nil logger is silent. Run closes what New opens.
func New(cfg Config, log *slog.Logger) (*Control, error) {
	if err := cfg.check(); err != nil {
		return nil, &ConfigError{Err: err}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tokens, err := bearer.NewTokens(cfg.Tokens)
	if err != nil {
		return nil, &ConfigError{Err: err}
	}
	ttl := time.Duration(cmp.Or(cfg.TTL, defaultTTL))
	o := ca.Options{TrustDomain: cfg.TrustDomain, TTL: ttl, MaxTTL: ttl, Logger: log, RootLife: time.Duration(cfg.RootLife), Now: cfg.Now}
	if cfg.RootsFile != "" {
		o.RootsChanged = func(pem []byte) {
			if err := writeWhole(cfg.RootsFile, pem); err != nil {
				log.Error("rootsFile not written", "error", err)
			}
		}
	}
	var issued *ca.IssuedLog
	if cfg.Issued != "" {
		if issued, err = ca.OpenIssued(cfg.Issued); err != nil {
			return nil, err
		}
		o.Issued = issued.Add
	}
	authority, err := makeCA(cfg.CADir, o)
	if err != nil {
		return nil, errors.Join(err, issued.Close())
	}
	c := &Control{cfg: cfg, log: log, ca: authority, tokens: tokens, issued: issued, discovery: newDiscovery(cfg.Views, log)}
	if cfg.Mesh != "" {
		c.mesh = mesh.NewWatched(cfg.Mesh, log)
	}
	return c, nil
}

func makeCA(dir string, o ca.Options) (*ca.CA, error) {
	if dir == "" {
		return ca.New(o)
	}
	return ca.Open(dir, o)
}

// CA returns the CA, for whoever runs control in its own process.
func (c *Control) CA() *ca.CA { return c.ca }

// Run serves until ctx is done and then returns nil; the socket is gone by then.
func (c *Control) Run(ctx context.Context) error {
	defer c.issued.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup // each Add is one listener, or the watch of the mesh
	defer running.Wait()       // after the cancel of a listener that fails; serve returns by it
	servers, err := c.listen()
	if err != nil {
		return err
	}
	if c.mesh != nil {
		running.Go(func() { c.mesh.Run(ctx, c.use) })
	}
	for _, s := range servers {
		running.Go(func() { cancel(serve(ctx, s.server, s.listener)) })
	}
	c.log.Info("control serves", "socket", c.cfg.Socket, "address", c.cfg.Address, "trust_domain", c.cfg.TrustDomain)
	<-ctx.Done()
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// use takes a snapshot of the mesh.
func (c *Control) use(s *mesh.Snapshot, e mesh.Effect) {
	c.placement.take(s, e)
	form := policy
	if c.cfg.Misstate {
		form = misstated
	}
	if e.All() {
		serveMesh(c.discovery, s, form)
	} else {
		updateMesh(c.discovery, s, e, form)
	}
}

// served is one listener and its server: what is spoken on them is the same.
type served struct {
	listener net.Listener
	server   *grpc.Server
}

// listen takes the socket, and the address if there is one.
func (c *Control) listen() ([]served, error) {
	var all []served
	if c.cfg.Address != "" {
		tcp, err := c.listenTCP()
		if err != nil {
			return nil, err
		}
		all = append(all, tcp)
	}
	socket, err := listen(c.cfg.Socket, c.cfg.SocketMode) // last: who waits for control looks at it
	if err != nil {
		for _, s := range all {
			s.listener.Close()
		}
		return nil, err
	}
	return append(all, served{netutil.LimitListener(socket, maxConns), c.server()}), nil // who may connect is its mode's
}

func (c *Control) listenTCP() (served, error) {
	if err := writeWhole(c.cfg.RootsFile, c.ca.RootsPEM()); err != nil {
		return served{}, fmt.Errorf("control: rootsFile: %w", err)
	}
	host, _, err := net.SplitHostPort(c.cfg.Address)
	if err != nil {
		return served{}, err
	}
	l, err := net.Listen("tcp", c.cfg.Address)
	if err != nil {
		return served{}, fmt.Errorf("control: address: %w", err)
	}
	return served{newDoor(l, usual, c.log), c.server(grpc.Creds(credentials.NewTLS(c.ca.Serving(host))))}, nil
}

// server has every service of control on it.
func (c *Control) server(o ...grpc.ServerOption) *grpc.Server {
	s := newServer(c.tokens, c.log, o...)
	security.RegisterIstioCertificateServiceServer(s, c.ca.Service(c.authorize))
	healthpb.RegisterHealthServer(s, health{control: c})
	if c.cfg.Mesh != "" { // else an empty mesh would be served, in which nothing is encrypted
		c.discovery.Register(s)
	}
	return s
}

// writeWhole replaces a file so that a reader finds the old text or the new.
func writeWhole(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails when it has its name
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
