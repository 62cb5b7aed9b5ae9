package lab

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

// Issue has the CA sign SVIDs of that life from now on; 0: a usual one. Those that there
// are stay: it is for a lab in which nothing is placed.
func (l *Lab) Issue(ctx context.Context, life time.Duration) error {
	if life == 0 {
		life = svidLife
	}
	l.mu.Lock()
	same := l.life == life
	l.life = life
	l.mu.Unlock()
	if same {
		return nil
	}
	return errors.Join(l.writeCA(life), l.Revive(ctx, CA))
}

// Misdate starts the CA anew with a clock that is ahead of everybody else's; 0: with the
// right one.
func (l *Lab) Misdate(ctx context.Context, ahead time.Duration) error {
	if ahead == 0 {
		return l.Revive(ctx, CA)
	}
	l.controller(CA).kill()
	return l.startControl(ctx, CA, "--clock-ahead", ahead.String())
}

// writeCA writes the CA's file. It knows no mesh: the tokens say who may have what.
func (l *Lab) writeCA(life time.Duration) error {
	return l.writeYAML(CA+".yaml", control.Config{
		TrustDomain: l.topology.TrustDomain, Socket: l.socketOf(CA), Tokens: l.grants, SocketMode: 0o666,
		CADir: l.path(caDir), TTL: control.Duration(life), Issued: l.path(issuedFile),
	})
}

// Roots are those that are trusted now, in hexadecimal.
func (l *Lab) Roots() (all []string, _ error) {
	c, err := ca.Load(l.path(caDir), ca.Options{TrustDomain: l.topology.TrustDomain})
	if err != nil {
		return nil, at("roots", "", err)
	}
	for _, der := range c.Roots() {
		all = append(all, hex.EncodeToString(der))
	}
	return all, nil
}

// Signed is every SVID that the CA has signed so far.
func (l *Lab) Signed() ([]ca.Issued, error) {
	f, err := os.Open(l.path(issuedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // it has not signed any yet
	}
	if err != nil {
		return nil, at("signed", "", err)
	}
	defer f.Close()
	all, err := ca.ReadIssued(f)
	return all, at("signed", "", err)
}

// Survival is when the first SVID of those in use ends. said: it is what `bulkhead who`
// says of the nodes' cells. Sidecars say nothing of it; of theirs the CA's list tells.
func (l *Lab) Survival(ctx context.Context) (until time.Time, said bool, err error) {
	d := l.dataPlane()
	if d == nil || d.subject.Isolation == None {
		return time.Now().Add(2 * svidLife), false, nil // who needs none lacks none
	}
	if !d.subject.OnNode() {
		until, err = l.firstEnd(time.Now())
		return until, false, err
	}
	for _, n := range l.topology.Nodes {
		var who admin.Node
		if err := d.admins[n.Name].client.Call(ctx, "GET", "/who", nil, &who); err != nil {
			return until, true, at("survival", n.Name, err)
		}
		for _, c := range who.Cells {
			switch {
			case c.Survival == nil:
				return time.Time{}, true, nil // not all have said it
			case until.IsZero() || c.Survival.Until.Before(until):
				until = c.Survival.Until
			}
		}
	}
	return until, true, nil
}

// firstEnd is the first end of the newest SVIDs of the pods' identities, one for each pod.
// One that ends later than it could is dated wrong, and nobody takes it.
func (l *Lab) firstEnd(now time.Time) (first time.Time, err error) {
	signed, err := l.Signed()
	if err != nil {
		return first, err
	}
	l.mu.Lock()
	latest := now.Add(l.life)
	l.mu.Unlock()
	ends := make(map[identity.ID][]time.Time)
	for _, s := range slices.Backward(signed) {
		if !s.NotAfter.After(latest) {
			ends[s.Identity] = append(ends[s.Identity], s.NotAfter)
		}
	}
	holders := make(map[identity.ID]int)
	for _, p := range l.topology.Pods {
		id, err := identity.New(l.topology.TrustDomain, p.Namespace, p.ServiceAccount())
		if err != nil {
			return first, at("survival", p.Name(), err)
		}
		n := holders[id]
		if holders[id]++; n >= len(ends[id]) {
			return time.Time{}, nil // not signed yet
		}
		if end := ends[id][n]; first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first, nil
}

// Logged is how often the data plane has said a word, in all its logs.
func (l *Lab) Logged(word string) (n int, err error) {
	d := l.dataPlane()
	if d == nil {
		return 0, nil
	}
	for _, c := range d.containers {
		text, err := os.ReadFile(l.logFile(c.name))
		if err != nil {
			return n, at("log", c.name, err)
		}
		n += bytes.Count(text, []byte(word))
	}
	return n, nil
}
