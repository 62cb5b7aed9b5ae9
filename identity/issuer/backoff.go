package issuer

import "time"

// Pauses after failures, ztunnel's: from half a second doubling to two and a half minutes, each ±20 %.
const (
	backoffFirst  = 500 * time.Millisecond
	backoffLast   = 150 * time.Second
	backoffSpread = 0.2
)

// pause returns how long to wait after a failure that followed n others. The spread is applied after the cap: at the cap,
// with the CA coming back, is where the cells of a cluster must not be in step.
func (i *Issuer) pause(n int) time.Duration {
	d := backoffLast
	if n < 16 { // beyond, the shift would overflow long after reaching the cap
		d = min(backoffFirst<<n, backoffLast)
	}
	return time.Duration(float64(d) * (1 - backoffSpread + 2*backoffSpread*i.jitter()))
}
