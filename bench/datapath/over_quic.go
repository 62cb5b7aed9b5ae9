package datapath

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// overQUIC makes connections until the first pair's tunnel has gone over to QUIC: peers hear of it over HTTP/2, and what is
// open stays there.
func overQUIC(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("no tunnel has gone over to QUIC within a minute"))
	defer cancel()
	const some = 200 * time.Millisecond
	for {
		c, err := startClient(w.lab, lab.PairClient(0), "knock", engine.Job{Mode: engine.CRR, Connections: 1, Size: 64, To: w.to[0][:1], For: some})
		if err == nil {
			if err = c.ready(ctx); err == nil {
				err = c.begin()
			}
			if err == nil {
				_, err = c.result(ctx, some)
			}
			c.close()
		}
		if err != nil {
			return err
		}
		over, err := wentOver(ctx, w.lab)
		if over || err != nil {
			return err
		}
		if err := pause(ctx, some); err != nil {
			return context.Cause(ctx)
		}
	}
}

var upgraded = regexp.MustCompile(`(?m)^bulkhead_quic_upgrades_total\{.*\} [1-9]`)

// wentOver asks the nodes for their counts.
func wentOver(ctx context.Context, l *lab.Lab) (bool, error) {
	for _, socket := range l.AdminSockets() {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node/metrics", nil)
		if err != nil {
			return false, err
		}
		answer, err := c.Do(r)
		if err != nil {
			return false, err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || upgraded.Match(text) {
			return err == nil, err
		}
	}
	return false, nil
}
