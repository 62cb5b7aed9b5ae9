package load

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// page is the small HTTP server of a pod, for people and for programs that are
// not ours: it says who answered and which client address it saw.
type page struct {
	pod      string
	listener net.Listener
}

func newPage(ctx context.Context, pod, addr string) (*page, error) {
	l, err := listen(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("application: page: %w", err)
	}
	return &page{pod: pod, listener: l}, nil
}

// serve blocks until ctx is done; it closes the listener and all connections.
func (p *page) serve(ctx context.Context) {
	srv := &http.Server{
		Handler:           p,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // a client's mistakes are the client's
	}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	srv.Serve(p.listener) // always ends with an error; it is the one of Close
	srv.Close()
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client := r.RemoteAddr
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		client = a.Addr().Unmap().WithZone("").String()
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "pod %s\nclient %s\n", p.pod, client)
}
