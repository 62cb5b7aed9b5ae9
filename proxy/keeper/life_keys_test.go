package keeper

import (
	"fmt"
	"slices"
	"sync"

	"github.com/bulkhead-mesh/bulkhead/bench/theft/keyscan"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
)

// keyScanEvery is how many steps lie between two scans: one reads all memory of all processes.
const keyScanEvery = 50

// issuedKeys are all public keys that the CA signed.
type issuedKeys struct {
	mu         sync.Mutex
	identities []string
	spki       [][]byte
}

func (k *issuedKeys) add(i ca.Issued) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.identities = append(k.identities, i.Identity.String())
	k.spki = append(k.spki, i.PublicKey)
	return nil
}

// all are those so far. Keys have the order of identities.
func (k *issuedKeys) all() ([]string, *keyscan.Keys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys, err := keyscan.NewKeys(k.spki)
	return slices.Clone(k.identities), keys, err
}

func (p *resident) identity() string {
	return fmt.Sprintf("spiffe://cluster.local/ns/%s/sa/%s", p.namespace, p.account)
}

// noticeServed adds who belongs to each process now, and who belonged to its cell in
// the course of this step.
func (l *life) noticeServed(now []CellStatus) {
	alive := map[int]bool{}
	for _, c := range now {
		pids := []int{c.PID}
		for _, d := range c.Draining {
			pids = append(pids, d.PID)
		}
		for _, pid := range pids {
			alive[pid] = true
			if l.served[pid] == nil {
				l.served[pid] = map[string]bool{}
			}
			for _, p := range l.residents {
				if slices.Contains(c.Workloads, p.uid) || slices.Contains(p.visited, c.Name) || l.belonged(p, c.Name) {
					l.served[pid][p.identity()] = true
				}
			}
		}
	}
	for pid := range l.served {
		if !alive[pid] {
			delete(l.served, pid)
		}
	}
	for _, p := range l.residents {
		p.visited = nil
		p.group = l.group(p)
	}
}

// belonged says whether a resident was in a group when the last step ended: a cell
// that crashed in this one may have started again with it.
func (l *life) belonged(p *resident, group string) bool { return p.present.Load() && p.group == group }

// checkKeys wants every cell to hold the keys of whom it serves or has served, and no
// others; keeper and anchor none (I3). A cell whose own key is not found would make
// the rest worthless.
func (l *life) checkKeys(now []CellStatus) {
	identities, keys, err := l.keys.all()
	if err != nil {
		l.t.Fatal(err)
	}
	settled := map[string]bool{} // before the scan, which takes its time
	for _, p := range l.residents {
		settled[p.uid] = p.settled()
	}
	for _, c := range now {
		held := l.heldBy(c.PID, keys, identities)
		for identity := range held {
			if !l.served[c.PID][identity] {
				l.t.Errorf("%s: cell %s (pid %d) holds a key of %s, which it never served (I3)", l.step, c.Name, c.PID, identity)
			}
		}
		for _, p := range l.residents {
			if slices.Contains(c.Workloads, p.uid) && settled[p.uid] && !held[p.identity()] {
				l.t.Errorf("%s: no key of %s was found in its cell %s (pid %d): the scan proves nothing", l.step, p.uid, c.Name, c.PID)
			}
		}
	}
	for _, pid := range []int{l.keeperPID(l.t), l.cmd.Process.Pid} {
		if held := l.heldBy(pid, keys, identities); len(held) > 0 {
			l.t.Errorf("%s: the keeper or the anchor (pid %d) holds keys of %v (I3)", l.step, pid, held)
		}
	}
}

func (l *life) heldBy(pid int, keys *keyscan.Keys, identities []string) map[string]bool {
	held := map[string]bool{}
	if pid == 0 {
		return held
	}
	found, _, err := keys.InProcess(l.t.Context(), pid)
	if err != nil {
		l.t.Errorf("%s: keys in the memory of %d: %v", l.step, pid, err)
	}
	for _, f := range found {
		held[identities[f.Key]] = true
	}
	return held
}
