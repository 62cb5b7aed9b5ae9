package attack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// ByOutsider is somebody on the fabric, outside of every pod and node.
const ByOutsider = "outsider"

// Imposture is another attack than the thief's: the same few lies told to one workload
// again and again, for as long as it is let.
type Imposture struct {
	Victim Destination    `json:"victim"`
	Other  netip.AddrPort `json:"other"` // the page of another pod of the victim's node
	Node   netip.Addr     `json:"node"`  // the victim's
	// AsToken is the file of the token of Victim.As, and DeniedToken that of Denied, whom
	// policy forbids to ask the victim. An application in its pod has neither.
	AsToken     string `json:"asToken,omitempty"`
	Denied      string `json:"denied,omitempty"`
	DeniedToken string `json:"deniedToken,omitempty"`
}

// pause is between two attempts: a lie a moment, not a flood.
const pause = 5 * time.Millisecond

// lie is one attempt, and the truth beside which it stands.
type lie struct {
	kind string
	tell func(ctx context.Context) error
	from time.Time // true before; zero: never was
}

// impersonate lies until ctx ends. The truth is told in each round, or the refusals
// prove nothing.
func (t *thief) impersonate(ctx context.Context) {
	truth, lies := t.asApplication(), t.fromAnywhere()
	if t.By == ByOutsider {
		right, denied := t.holder(t.Imposture.AsToken, t.Imposture.Victim.As), t.holder(t.Imposture.DeniedToken, t.Imposture.Denied)
		truth, lies = t.asOutsider(right), append(lies, t.asCitizen(right, denied)...)
		t.control("an SVID for a second", func() error {
			expired, err := t.expired(ctx)
			if err == nil {
				lies = append(lies, expired)
			}
			return err
		})
	}
	for {
		for i := range len(lies) + 1 {
			if i > 0 && lies[i-1].from.After(time.Now()) {
				continue
			}
			if i == 0 {
				t.control(truth.kind, func() error { return truth.tell(ctx) })
			} else {
				t.try(lies[i-1].kind, t.Imposture.Victim.Workload, func() error { return lies[i-1].tell(ctx) })
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (t *thief) asApplication() lie {
	return lie{kind: "a request like any other", tell: func(ctx context.Context) error { return t.through(ctx, t.Imposture.Victim, 0) }}
}

func (t *thief) asOutsider(right svidOf) lie {
	return lie{kind: "the identity that policy lets in", tell: func(ctx context.Context) error {
		svid, err := right(ctx)
		if err != nil {
			return err
		}
		return t.request(ctx, identity.Static(svid), t.Imposture.Victim, hbone.Header{})
	}}
}

// fromAnywhere are the lies that take no identity.
func (t *thief) fromAnywhere() []lie {
	v := t.Imposture.Victim
	shown := func(kind string, make func(Destination) (*credentials, error)) lie {
		return lie{kind: kind, tell: func(ctx context.Context) error {
			c, err := make(v)
			if err != nil {
				return err
			}
			return t.present(ctx, c)
		}}
	}
	return []lie{
		shown("an SVID of another trust domain", foreign),
		shown("an SVID of its own CA for a name that policy lets in", selfMade),
		shown("a self-signed certificate with the victim's own name", selfSigned),
		shown("no certificate", func(Destination) (*credentials, error) { return &credentials{}, nil }),
		{kind: "plaintext to the mesh's port", tell: func(ctx context.Context) error {
			return t.plainly(ctx, Destination{Address: netip.AddrPortFrom(v.Address.Addr(), redirect.HBONEPort)})
		}},
		{kind: "plaintext from an address that is another's", tell: t.fromTheirAddress},
	}
}

// asCitizen are the lies of somebody who has an identity.
func (t *thief) asCitizen(right, denied svidOf) []lie {
	v := t.Imposture.Victim
	ask := func(kind string, to netip.AddrPort) lie {
		return lie{kind: kind, tell: func(ctx context.Context) error {
			svid, err := right(ctx)
			if err != nil {
				return err
			}
			return t.accepted(ctx, identity.Static(svid), v, hbone.Connect(hbone.FromAddrPort(to), hbone.Header{}))
		}}
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return []lie{
		{kind: "headers that name another source, by an identity that policy denies", tell: func(ctx context.Context) error {
			svid, err := denied(ctx)
			if err != nil {
				return err
			}
			return t.request(ctx, identity.Static(svid), v, hbone.Header{
				Baggage: hbone.Baggage{Workload: v.AsUID}.Encode(), Forwarded: hbone.ForwardedFor(netip.AddrPortFrom(v.Source, 4711)),
			})
		}},
		ask("the authority of another pod", t.Imposture.Other),
		ask("the authority of loopback", netip.AddrPortFrom(loopback, v.Address.Port())),
		ask("the authority of the node", netip.AddrPortFrom(t.Imposture.Node, v.Address.Port())),
		ask("the authority of the proxy's own port", netip.AddrPortFrom(v.Address.Addr(), redirect.NodePorts.Outbound)),
		{kind: "a recorded tunnel, replayed", tell: func(ctx context.Context) error {
			svid, err := right(ctx)
			if err != nil {
				return err
			}
			return t.replay(ctx, identity.Static(svid))
		}},
	}
}

var errNoAnswer = errors.New("no answer to the SYN")

// fromTheirAddress connects under the address of a workload that may ask. The answer to
// its SYN goes to that workload: nobody waits long for what cannot come.
func (t *thief) fromTheirAddress(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 150*time.Millisecond)
	defer cancel()
	v := t.Imposture.Victim
	c, err := t.home().Dial(ctx, netns.DialOptions{Remote: v.Address, Source: v.Source, Transparent: true, Mark: redirect.MarkProxy})
	if err != nil && ctx.Err() != nil {
		return errNoAnswer
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	return page(c)
}

// svidOf asks for an SVID, once.
type svidOf func(context.Context) (*identity.SVID, error)

// holder is who has a token.
func (t *thief) holder(token, name string) svidOf {
	var svid *identity.SVID
	return func(ctx context.Context) (_ *identity.SVID, err error) {
		if svid == nil {
			svid, err = t.sign(ctx, name, signedWith(t.CA, token))
		}
		if err != nil {
			return nil, fmt.Errorf("no SVID for %s: %w", name, err)
		}
		return svid, nil
	}
}

// Tally is how often one kind was tried, and how often it succeeded.
type Tally struct {
	Kind             string
	Control          bool
	Tried, Succeeded int64
	Error            string // of the last that did not
}

// Count sums attempts up, in the order in which kinds appear. One that had not ended
// does not count.
func Count(attempts []trust.Attempt) (all []Tally) {
	index := map[string]int{}
	for _, a := range attempts {
		if a.Outcome == trust.Killed {
			continue
		}
		i, known := index[a.Kind]
		if !known {
			i = len(all)
			index[a.Kind] = i
			all = append(all, Tally{Kind: a.Kind, Control: a.Control})
		}
		all[i].Tried++
		if a.Outcome == trust.Succeeded {
			all[i].Succeeded++
		} else {
			all[i].Error = a.Errno
		}
	}
	return all
}
