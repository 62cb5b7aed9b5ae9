// Package rules renders, installs, verifies and removes the rules that capture
// a pod's TCP connections. It talks netlink; no nft or ip program is needed.
//
//	err := rules.Install(ns, rules.Plan{Ports: redirect.NodePorts})    // capture
//	err = rules.Install(ns, rules.Plan{Ports: redirect.SidecarPorts})  // move, in one batch
//	err = rules.Verify(ns, rules.Plan{Ports: redirect.SidecarPorts})   // nil or *Drift
//	err = rules.Remove(ctx, ns)                                        // nothing is left
//
// # What is installed
//
//	table inet bulkhead        redirects new connections to the listeners of one placement
//	table inet bulkhead-keep   keeps redirected connections where they are; tells deliveries
//	                           from connections with the same ports; marks replies
//	table inet bulkhead-guard  drops what would leave the pod although it was captured,
//	                           and what would leave it under a source not its own
//	ip rule, table 100         packets marked 0x111 go to lo, IPv4 and IPv6
//
// The packets, and where which table meets them:
//
//	application ──connect──▶ output: bulkhead ──▶ lo ──▶ Outbound listener
//	peer ──eth0──▶ prerouting: bulkhead ──▶ HBONE or Plaintext listener
//	proxy ──connect, mark 0x1539, client's address──▶ output: keep (zone 1) ──▶ lo ──▶ prerouting: keep (ct mark 0x111) ──▶ application
//	application ──reply──▶ output: keep (mark 0x111) ──▶ ip rule ──▶ lo ──▶ proxy
//	anything captured ──▶ postrouting: guard ──╳ unless it leaves by lo
//	anything from a foreign address ──▶ source: guard ──╳ unless it leaves by lo
//
// Not captured: what the proxy sends itself (mark 0x539), what the pod sends to
// itself over lo, and kubelet's probes (169.254.7.127,
// fd16:9254:7127:1337:ffff:ffff:ffff:ffff), both ways. Marks, order and
// exclusions are those of Istio's ambient mode (istio-cni), with port 15008
// redirected as well, so that a move takes it along.
//
// # Why three tables
//
// NAT is decided for the first packet of a connection; the rest follow
// conntrack. But when the last NAT chain or the last rule that uses conntrack
// goes, the kernel stops translating at once, and the next bytes of a captured
// connection leave in plaintext for the address that the client dialled. So
// bulkhead-keep, which has NAT chains and conntrack rules of its own, stays
// until the last captured connection has ended; bulkhead may come and go. The
// guard is the second line: it drops captured packets that head for the wire,
// whatever the reason, and TCP packets that conntrack does not understand, which
// NAT passes by.
//
// # A move is one batch, and in place
//
// Install flushes and refills the chains of an installed table in one batch. To
// delete and re-create the chains in that batch looks the same, but then both
// the old and the new chain are hooked for a moment, the new one in front, and
// each asks by itself which generation of rules is in force (nft_do_chain). A
// packet that is between the two when the batch takes effect would find neither
// active and leave uncaptured. That is read from the kernel's source; twenty
// thousand moves under load did not show it, and avoiding it costs nothing.
//
// # While nothing serves the pod
//
// Plan.Instead has new connections refused or let past, in the same way: by one batch,
// in place. Captured ones stay captured. What passed by capture goes on past it until it ends,
// since NAT was decided for its first packet.
//
// # What conntrack remembers
//
// The translation of a connection outlives it: ten seconds after a reset, five days when
// conntrack did not see the end, since nothing hooked it. A later connection between the
// same two ports would be led to listeners that are gone, and be refused; a drill without
// any fault found that. So Remove has conntrack forget what was captured, and Recapture what
// was not.
//
// # A zone for deliveries
//
// A delivery has the client's address and any port of it. A connection in plaintext may have
// the same one: of a client that left the mesh, or goes past it, while connections of it are
// still delivered. Conntrack would take each for the other, and so would the application's
// sockets. So a delivery is looked up in a zone of its own, in the direction of its first packet
// only: replies share the common zone, where NAT sees that two would be the same and gives the
// later connection another source port. The application then sees that port. The zone goes
// by the mark of the socket, so that rules which get it later do not tear a delivery that has
// begun without it. Remove waits for connections in plaintext that were given another port.
//
// # Ownership and limits
//
// The listeners must not be transparent (netns.ListenOptions says why). The proxy
// may see another source port than the client's, never another address: the
// kernel changes the port where two connections would otherwise be the same.
//
// Everything is kept by the kernel in the namespace; this package keeps nothing
// between calls. Calls for one namespace must not overlap. Whoever has
// CAP_NET_ADMIN in the pod can undo all of this, and whoever has CAP_NET_RAW can
// set the proxy's mark; packet sockets pass by all of it, so the jail of a cell
// has none. A connection that exists before Install is unknown to
// conntrack; its next packet counts as new and is redirected, so the connection
// is reset: a plaintext connection does not outlive capture. UDP is not touched.
// The kernel must have nf_tables with the inet family (which needs IPv6 support
// compiled in), its fib expression (NFT_FIB_INET) and zones (NF_CONNTRACK_ZONES); where IPv6 is switched off
// in a pod, its ip rules are left out. Priority 32764 and table 100 are taken to be ours: Verify reports what others
// have put there, and Install and Remove leave it alone.
//
// A cell must not import this package.
package rules
