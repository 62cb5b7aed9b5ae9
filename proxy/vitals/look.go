package vitals

import "maps"

// Look is the pod that lives in a namespace, on a node.
func Look(uid, node string, ns Namespace) Pod {
	p, _ := look(uid, node, ns)
	return p
}

// LookAround is the pod that this process lives in, on a node.
func LookAround(uid, node string, ns Namespace) Pod {
	before := Own()
	p, sockets := look(uid, node, ns)
	own := Own()
	if before != nil && own != nil { // of both: one that came or went meanwhile would be taken for somebody else's
		maps.Copy(own, before)
		p.Uncaptured(sockets, own)
	}
	return p
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
