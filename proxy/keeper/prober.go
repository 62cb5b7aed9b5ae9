package keeper

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy/probe"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

const (
	// probeTimeout is for one question to a workload: more than a busy cell needs, less
	// than an operator waits.
	probeTimeout = 3 * time.Second
	// probeIdentityWait is for the first SVID of the probe.
	probeIdentityWait = 10 * time.Second
)

// prober has the keys of the reserved identities, from the first question on. They are no
// workload's: what they are good for is redirect.ProbePort and nothing else (I3).
type prober struct {
	keeper *Keeper
	once   sync.Once
	err    error // of once

	allowed, denied  *issuer.Issuer
	forged, stranger identity.Source
	made             sync.Mutex // of the two above, which need roots
}

// begin starts the issuers of a trust domain, once.
func (p *prober) begin(trustDomain string) error {
	p.once.Do(func() {
		if p.allowed, p.err = p.issuer(identity.Probe.Of(trustDomain)); p.err == nil {
			p.denied, p.err = p.issuer(identity.ProbeDenied.Of(trustDomain))
		}
	})
	return p.err
}

func (p *prober) issuer(id identity.ID, err error) (*issuer.Issuer, error) {
	if err != nil {
		return nil, err
	}
	k := p.keeper
	i := issuer.New(id, k.signer, issuer.Options{Logger: k.log})
	k.running.Go(func() { _ = i.Run(k.life) }) // its failures are logged by it
	return i, nil
}

// ready waits for the SVIDs of the probe, and makes the strangers.
func (p *prober) ready(ctx context.Context, trustDomain string) error {
	if err := p.begin(trustDomain); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeIdentityWait)
	defer cancel()
	for _, i := range []*issuer.Issuer{p.allowed, p.denied} {
		select {
		case <-i.Ready():
		case <-ctx.Done():
			return fmt.Errorf("the CA has not signed %s within %v: the node's token must be allowed to ask for it", i.ID(), probeIdentityWait)
		}
	}
	svid, err := p.allowed.SVID()
	if err != nil {
		return err
	}
	p.made.Lock()
	defer p.made.Unlock()
	if p.forged == nil {
		p.forged, err = probe.Stranger(trustDomain, svid.Bundle.Roots())
	}
	if p.stranger == nil && err == nil {
		p.stranger, err = probe.Stranger("stranger.invalid", svid.Bundle.Roots())
	}
	return err
}

// dial connects to a listener of a pod by its own lo, as who must leave no record.
func (p *pod) probeDial(ctx context.Context, port uint16) (net.Conn, error) {
	return p.netns.Dial(ctx, netns.DialOptions{
		Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Source: redirect.Probe, Mark: redirect.MarkProxy,
	})
}

// ask asks one workload on behalf of an identity.
func (k *Keeper) ask(ctx context.Context, t *target, as identity.Source) (probe.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, err := t.pod.probeDial(ctx, t.ports.HBONE)
	if err != nil {
		return probe.Answer{}, err
	}
	return probe.Ask(ctx, c, as, t.workload.Identity)
}
