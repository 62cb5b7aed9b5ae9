// Package istio counts connections as Istio's dashboards expect them:
// istio_tcp_connections_opened_total and its relatives, with the names and labels of ztunnel.
//
// Cells count per workload and [telemetry.Key]. A [Ledger] takes what has grown since a
// cell last said so, and adds it up by [Labels]; several workloads, cells and processes may
// have labels in common (the replicas of a deployment have), and their numbers are one
// series. Since it keeps sums of growth, a counter never falls when a cell dies; and what a
// dead cell had open is closed in the ledger, so that each opened connection has its closed
// one.
//
// # Who is who
//
// Of its own workload an end knows all that the mesh says. Of the peer it takes what the
// peer itself said in its baggage, field by field, and what that leaves open from the mesh:
// by the UID that was resolved (outbound), or by the peer's address. The principal is never
// taken from words: it is the identity in the verified SVID, and only where there is one is
// connection_security_policy mutual_tls. What nobody knows is "unknown".
//
// Words of a peer are a claim; they choose labels and decide nothing.
//
// # Sent and received
//
// As in Istio, and for its historical reasons, the names are reversed:
// istio_tcp_sent_bytes_total counts bytes of the answer, istio_tcp_received_bytes_total
// those towards the destination. Our own metrics and the access log are not.
//
// # Bounds
//
// A series in which nothing has happened for [Options.Expiry], and in which nothing is
// open, is forgotten. If it comes back it begins at zero, which a rate() sees as a restart.
// When there are [Options.MaxSeries], what is new is counted in a series per reporter whose
// other labels are all "overflow".
package istio
