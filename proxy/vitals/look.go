package vitals

import (
	"maps"
	"time"
)

// Look is the pod that lives in a namespace, on a node.
func Look(uid, node string, ns Namespace) Pod {
	p, _ := look(uid, node, ns)
	return p
}

// settles is how long a connection may have one end that the dump saw and one that it did not: a dump
// is no picture of one moment.
const settles = 50 * time.Millisecond

// LookAround is the pod that this process lives in, on a node. Where something seems to leave it past
// the data plane it looks again, for the same.
func LookAround(uid, node string, ns Namespace) Pod {
	p, first := lookAround(uid, node, ns)
	if len(first) == 0 {
		return p
	}
	time.Sleep(settles)
	p, second := lookAround(uid, node, ns)
	for s := range second {
		if first[s] {
			p.Beside++
		}
	}
	return p
}

func lookAround(uid, node string, ns Namespace) (Pod, map[Socket]bool) {
	before := Own()
	p, sockets := look(uid, node, ns)
	own := Own()
	if before == nil || own == nil {
		return p, nil
	}
	maps.Copy(own, before) // of both: one that came or went meanwhile would be taken for somebody else's
	return p, p.Uncaptured(sockets, own)
}

func look(uid, node string, ns Namespace) (Pod, []Socket) {
	sockets, err := Sockets(ns)
	if err != nil {
		return Pod{UID: uid, Node: node, Problem: err.Error()}, nil
	}
	addresses, err := Addresses(ns)
	p := Summarize(uid, sockets, addresses)
	p.Node = node
	if err != nil {
		p.Problem = err.Error()
	}
	return p, sockets
}
