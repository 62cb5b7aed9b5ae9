package control

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity/ca"
)

// Control is one CA and who may use it.
type Control struct {
	cfg    Config
	log    *slog.Logger
	ca     *ca.CA
	tokens *ca.Tokens
	issued *ca.IssuedLog // nil: none
}

// New loads or makes the CA. A nil logger is silent. Run closes what New opens.
func New(cfg Config, log *slog.Logger) (*Control, error) {
	if err := cfg.check(); err != nil {
		return nil, &ConfigError{Err: err}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tokens, err := ca.NewTokens(cfg.Tokens)
	if err != nil {
		return nil, &ConfigError{Err: err}
	}
	o := ca.Options{TrustDomain: cfg.TrustDomain, TTL: time.Duration(cfg.TTL), Logger: log}
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
	return &Control{cfg: cfg, log: log, ca: authority, tokens: tokens, issued: issued}, nil
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
	l, err := listen(c.cfg.Socket, c.cfg.SocketMode)
	if err != nil {
		return err
	}
	c.log.Info("control serves", "socket", c.cfg.Socket, "trust_domain", c.cfg.TrustDomain)
	return c.ca.Serve(ctx, l, c.tokens) // closes l, which removes the socket
}
