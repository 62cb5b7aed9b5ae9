package issuer

import "time"

// Pauses after failures, ztunnel's: from half a second doubling to two and a half minutes, each ±20 %.
const (
	backoffFirst  = 500 * time.Millisecond
	backoffLast   = 150 * time.Second
	backoffSpread = 0.2
)

// rotateSpread is that of rotations, as a part of the life.
const rotateSpread = 0.05

// expiredAtMost is the longest pause once an SVID has expired: each second of it is an outage of what worked before. Who
// never had one keeps to the longer pauses: it may be one that is asked for in vain.
const expiredAtMost = 5 * time.Second

// patience is the longest pause that what is left allows: the nearer the end, the more often is asked, so that a CA that
// returns shortly before it is found in time.
func (i *Issuer) patience() time.Duration {
	end := i.NotAfter()
	switch left := end.Sub(i.now()); {
	case end.IsZero():
		return backoffLast * 2 // more than any pause
	case left <= 0:
		return expiredAtMost
	default:
		return max(left/8, backoffFirst)
	}
}

// pause returns how long to wait after a failure that followed n others. The spread is applied after the cap: at the cap,
// with the CA coming back, is where the cells of a cluster must not be in step.
func (i *Issuer) pause(n int) time.Duration {
	d := backoffLast
	if n < 16 { // beyond, the shift would overflow long after reaching the cap
		d = min(backoffFirst<<n, backoffLast)
	}
	return time.Duration(float64(d) * (1 - backoffSpread + 2*backoffSpread*i.jitter()))
}
