package main

import (
	"context"
	"log/slog"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/sidecar"
)

// answer serves the admin socket until the function that it returns is called. A socket that
// cannot be had is no reason to leave the pod without its data plane.
func answer(s *sidecar.Sidecar, path string, log *slog.Logger) (end func()) {
	if path == "" {
		return func() {}
	}
	if err := admin.Reserve(); err != nil {
		log.Error("operators are not answered when descriptors are gone", "error", err)
	}
	if err := s.Began(path); err != nil {
		log.Error("restarts are not counted", "error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go serve(ctx, s, path, log, ended)
	return func() { cancel(); <-ended }
}

func serve(ctx context.Context, s *sidecar.Sidecar, path string, log *slog.Logger, ended chan<- struct{}) {
	defer close(ended)
	if err := s.Serve(ctx, path); err != nil {
		log.Error("operators are not answered", "error", err)
	}
}
