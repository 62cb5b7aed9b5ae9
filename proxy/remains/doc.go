// Package remains looks for what a node's proxy has left on a machine, so that its
// end can be proven instead of believed:
//
//	found, looked, err := remains.Search{Sockets: []string{"/run/bulkhead/admin.sock"}}.Look()
//
// It asks the kernel, and nothing that the proxy itself says or has written down: processes by
// their executable, and in every network namespace of the machine the capture tables, ip rules,
// routes and the proxy's listening sockets. Namespaces that no process is in and no mount
// holds cannot be found; who has one names it. Admin sockets and cgroups are where the node's file said, which
// the machine does not know, so they are named, too.
//
// A sidecar is part of its pod and no remains. Two nodes of a lab on one machine are one
// machine here.
package remains
