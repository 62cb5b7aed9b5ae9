// Package redirect names what capture is made of: the packet marks, the ports
// where a placement listens inside a pod, and the way back from a captured
// connection to the destination that its client dialled.
//
// # What is captured
//
// The rules (package redirect/rules) send a pod's TCP connections to sockets
// that live in the pod's own network namespace (package redirect/netns):
//
//	leaving the pod          -> Ports.Outbound
//	arriving at port 15008   -> Ports.HBONE      (tunnels from peers)
//	arriving elsewhere       -> Ports.Plaintext
//
// A placement (the node's cell, or a sidecar) has its own Ports, so that both
// can listen in one pod while a workload moves from one to the other.
//
// # Marks
//
// MarkProxy is set by the proxy on every socket that it opens in a pod (SO_MARK)
// and means "do not capture". MarkReply is kept in conntrack for connections
// that the proxy makes to the application with the client's own address as
// source; it routes the application's replies back to the proxy. MarkCaptured
// is kept in conntrack for captured outbound connections. MarkDelivery is MarkProxy and
// one bit more, on sockets of deliveries: they have a conntrack zone of their own. But for
// that bit, marks use those of MarkMask only; the others are left alone.
// Values of MarkProxy and MarkReply are those of Istio's ambient mode, so that
// either proxy works under the other's rules.
//
// # Ownership
//
// Nothing here holds a resource. OriginalDst neither keeps nor closes the
// connection that it is given.
package redirect
