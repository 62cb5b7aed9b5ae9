package sidecar

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// knockPatience is for one answer, as a keeper has it.
const knockPatience = 2 * time.Second

var errHalfDead = errors.New("half dead: the sidecar answers pings, and accepts tunnels and answers none")

// knock is a peer for once: a process whose loop turns may still serve nobody. What it wants is an answer to the first words of
// TLS, whichever, so it has no certificate and believes any: who has no SVID, and refuses everybody, is not made better by a
// restart. Nobody knocks before the workload is served.
func (s *Sidecar) knock(ctx context.Context) error {
	if !s.served.Load() {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, s.knocks)
	defer cancel()
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), s.door)
	conn, err := netns.Own().Dial(limit, netns.DialOptions{Remote: at, Source: redirect.Probe, Mark: redirect.MarkProxy})
	if err == nil {
		defer conn.Close()
		anybody := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
		err = tls.Client(conn, anybody).HandshakeContext(limit)
	}
	if err != nil && limit.Err() != nil && ctx.Err() == nil {
		return errHalfDead
	}
	return nil
}
