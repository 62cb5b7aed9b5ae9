package lab

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"time"

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

// Survival is when the first SVID of those in use ends, as keepers and sidecars say
// themselves; zero: not all have said it. Where nothing holds any, none ends soon, and
// nobody has said so.
func (l *Lab) Survival(ctx context.Context) (until time.Time, said bool, err error) {
	sockets := l.AdminSockets()
	if len(sockets) == 0 {
		return time.Now().Add(2 * svidLife), false, nil
	}
	for _, socket := range sockets {
		var who admin.Node
		if err := admin.New(socket).Call(ctx, "GET", "/who", nil, &who); err != nil {
			return until, true, at("survival", socket, err)
		}
		for _, c := range who.Cells {
			switch {
			case c.Survival == nil:
				return time.Time{}, true, nil
			case until.IsZero() || c.Survival.Until.Before(until):
				until = c.Survival.Until
			}
		}
	}
	return until, true, nil
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
