package proxy

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

const (
	// maxTries bounds what one connection can ask of a service: when all of it is down,
	// its clients must not multiply what it has to refuse.
	maxTries = 4
	// hurriedConnect is how long one endpoint has to take the TCP connection while there is
	// another to try. It outlives the loss of one SYN (the kernel sends the next after a
	// second), not of two.
	hurriedConnect = 2500 * time.Millisecond
	// tryTimeout is how long one endpoint is waited for in all, while there is another. It is
	// longer than anybody may rightly have to wait for a budget, at this end or that: to leave
	// an endpoint that is at work for us would have the next one do the same again, just when
	// all of them have the most to do. The last try has what is left of openTimeout.
	tryTimeout = budget.Patience + hurriedConnect + time.Second
)

// hurried marks the context of a try that has another after it.
type hurried struct{}

func hurry(ctx context.Context) context.Context { return context.WithValue(ctx, hurried{}, true) }
func isHurried(ctx context.Context) bool        { return ctx.Value(hurried{}) != nil }

// reach opens the far leg at one endpoint of the answer. One that cannot be had is
// replaced by another, all within openTimeout.
//
// That is safe for any application, whatever it sends: none of its bytes has been read
// before there is a far leg, so none can be delivered twice. What an endpoint may see
// of a try that came too late is a connection without a byte in it.
func (w *Workload) reach(ctx context.Context, r *telemetry.Record, a *mesh.Answer) (Leg, error) {
	var made [maxTries]int
	tried := made[:0]
	for end := time.Now().Add(openTimeout); ; {
		i := w.aside.choose(a, tried, time.Now())
		tried = append(tried, i)
		last := len(tried) == maxTries || len(tried) == len(a.Endpoints) || w.Tunnels.Retry.Off
		limit, trial := time.Until(end), ctx
		if !last {
			limit, trial = min(limit, tryTimeout), hurry(ctx)
		}
		leg, err := w.try(trial, r, a, i, limit)
		r.Tries = len(tried)
		if err == nil || last || ctx.Err() != nil || !elsewhere(err) || time.Until(end) <= 0 {
			return leg, err
		}
		w.Counters.Retries.Add(1)
		w.Log.Debug("another endpoint is tried", "workload", r.Workload, "service", a.Service, "endpoint", a.Endpoints[i].Address, "error", err)
	}
}

// try opens the far leg at one endpoint, and remembers how that went where there is a
// choice.
func (w *Workload) try(ctx context.Context, r *telemetry.Record, a *mesh.Answer, i int, limit time.Duration) (Leg, error) {
	tryCtx, cancel := context.WithTimeoutCause(ctx, limit, ErrNoAnswer)
	defer cancel()
	leg, err := w.farLeg(tryCtx, r, a, a.Endpoints[i])
	switch {
	case len(a.Endpoints) == 1 || w.Tunnels.Retry.Off:
	case err == nil:
		w.aside.worked(a, i)
	case ctx.Err() != nil || !elsewhere(err):
		w.aside.untold(a, i)
	default:
		w.aside.failed(a, i, err, time.Now())
	}
	return leg, err
}

// elsewhere says whether another endpoint may do what this one did not: whether what
// failed is the endpoint, or the way to it, and not this end. A policy that denies
// here denies there too, and a connection that tries them all would be an alarm at each.
func elsewhere(err error) bool {
	var over *budget.Error
	var expired *identity.ExpiredError
	var status *tunnel.StatusError
	var socket *netns.Error
	switch {
	case errors.As(err, &over), errors.Is(err, identity.ErrNoSVID), errors.As(err, &expired), errors.Is(err, tunnel.ErrPoolClosed):
		return false
	case errors.As(err, &status):
		return status.Status == hbone.StatusUnavailable
	case errors.As(err, &socket):
		return socket.Op == netns.OpConnect && !errors.Is(err, syscall.EADDRNOTAVAIL) // our ports have run out
	}
	return true
}
