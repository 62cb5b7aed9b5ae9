package keeper

import (
	"maps"
	"slices"
	"time"
)

// A listening socket is shared by anchor and cells, so that what one holder does to
// it happens to all: connect(2) to AF_UNSPEC ends listening, and no filter of system calls
// can tell it from other connects. The keeper looks, and makes anew what is damaged. The UDP sockets of QUIC
// are looked at with them, and given up when they are (datagrams.go).

// inspections are the looks at listeners that are due, and those that were.
type inspections struct {
	due     map[*pod]bool // true: knock as well
	running bool          // a goroutine works through them
	next    time.Time     // of the look at all
	rounds  int           // looks at all
	mended  int           // listeners that were made anew
}

// inspectAll looks at every pod's listeners, and knocks at those of one, in turn: a
// connection costs its cell something, and is needed for what no option shows.
func (k *Keeper) inspectAll() {
	if now := time.Now(); now.After(k.listeners.next) {
		k.listeners.next = now.Add(time.Duration(k.config.Liveness.Listeners))
	} else {
		return
	}
	k.listeners.rounds++
	for i, uid := range slices.Sorted(maps.Keys(k.pods)) {
		k.inspect(k.pods[uid], i == k.listeners.rounds%len(k.pods))
	}
}

// suspect looks at the listeners that a process which ended abnormally had in hand, at once,
// and knocks when somebody serves the pods again.
func (k *Keeper) suspect(pods map[string]*pod) {
	for _, p := range pods {
		p.suspected = true
		k.inspect(p, true)
	}
}

// clear knocks at the listeners of a pod that is served again, if they were suspected.
func (k *Keeper) clear(p *pod) {
	if p.suspected {
		k.inspect(p, true)
	}
}

// turnAway resets what waits in the listeners of a pod that is left and that no process has:
// the last who accepts clears the backlog, and where there is none, or it died, nobody does.
func (k *Keeper) turnAway(p *pod) {
	if !p.isLeft() || len(p.duties) > 0 {
		return
	}
	for _, l := range listenPorts {
		if !p.listeners[l.name] {
			continue
		}
		if err := k.relisten(p, l.name, l.port); err != nil {
			k.log.Error("what waits for a workload that is served no more is not refused", "workload", p.UID, "listener", l.name, "error", err)
		}
	}
}

// inspect has the goroutine look, which is started when there is none. It knocks only where
// somebody accepts: elsewhere each knock would stay in the backlog.
func (k *Keeper) inspect(p *pod, knock bool) {
	if k.config.Liveness.Off {
		return
	}
	i := &k.listeners
	if i.due == nil {
		i.due = map[*pod]bool{}
	}
	if knock = knock && p.isServed(); knock {
		p.suspected = false
	}
	i.due[p] = i.due[p] || knock
	if !i.running {
		i.running = true
		k.running.Go(k.inspecting)
	}
}

// inspecting looks outside of the loop until nothing is due.
func (k *Keeper) inspecting() {
	for {
		var due map[*pod]bool
		alive := k.do(func() {
			due, k.listeners.due = k.listeners.due, nil
			k.listeners.running = len(due) > 0
		})
		if !alive || len(due) == 0 {
			return
		}
		for p, knock := range due {
			_ = k.lookAtDatagrams(p) // logged there
			if k.config.Custody != CustodyAnchor {
				continue
			}
			for _, l := range listenPorts {
				if err := k.check(p, l.name, l.port, knock); err != nil {
					k.do(func() { k.mend(p, l.name, l.port, err) })
				}
			}
		}
	}
}
