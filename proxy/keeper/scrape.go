package keeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"
)

// Metrics is where they can be scraped, besides on the admin socket, which no Prometheus
// opens. Nothing else is served there, and nothing can be changed.
type Metrics struct {
	Address string `json:"address,omitempty"` // ADDRESS:PORT; empty: nowhere
}

func (m Metrics) validate() error {
	if m.Address == "" {
		return nil
	}
	if _, err := netip.ParseAddrPort(m.Address); err != nil {
		return fmt.Errorf("metrics.address %q: use an address and a port, such as 127.0.0.1:15020", m.Address)
	}
	return nil
}

// maxScrapers bounds the connections: anybody may open one.
const maxScrapers = 128

// listenAgain is after how long a taken port is tried again.
const listenAgain = 5 * time.Second

// serveMetrics listens until ctx ends. A port that somebody else has is no reason to end a
// node's keeper: it is said, and tried again.
func (k *Keeper) serveMetrics(ctx context.Context) {
	for ctx.Err() == nil {
		err := k.serveScrapes(ctx)
		if ctx.Err() != nil {
			return
		}
		k.log.Error("metrics not served", "address", k.config.Metrics.Address, "error", err, "retry", listenAgain)
		select {
		case <-time.After(listenAgain):
		case <-ctx.Done():
		}
	}
}

func (k *Keeper) serveScrapes(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", k.config.Metrics.Address)
	if err != nil {
		return err
	}
	l = netutil.LimitListener(l, maxScrapers)
	k.log.Info("metrics served", "address", l.Addr().String())
	m := http.NewServeMux()
	m.Handle("GET /metrics", k.metrics())
	s := &http.Server{Handler: m, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
