// Package netns opens sockets in network namespaces.
//
// A network namespace belongs to a thread, and goroutines move between threads.
// This package therefore enters a namespace only on a locked thread, creates
// the socket there, and leaves at once; the socket keeps the namespace that it
// was born in, whoever uses it later and from wherever.
//
//	ns, err := netns.Open("/proc/1234/ns/net")
//	defer ns.Close()
//	l, err := ns.Listen(netns.ListenOptions{Port: 15001})
//	c, err := ns.Dial(ctx, netns.DialOptions{Remote: app, Source: client, Transparent: true, Mark: redirect.MarkProxy})
//
// net.Dialer and net.Listen are not used inside a namespace: their happy
// eyeballs goroutines run on other threads and so in another namespace
// (golang/go#44922).
//
// # Ownership
//
// A Namespace holds one descriptor; Close releases it and is safe while other
// goroutines use the Namespace: they get os.ErrClosed. Listeners and connections
// belong to the caller and outlive the Namespace. Own returns a value shared by
// the whole process; closing it does nothing.
//
// # Privileges
//
// Entering a namespace needs CAP_SYS_ADMIN, in the user namespace that owns it
// and in the caller's own. The process's own namespace is never entered, so a
// process that lives in its pod needs none of that. DialOptions.Mark and
// Transparent need CAP_NET_RAW (or CAP_NET_ADMIN).
//
// # Limits
//
// A function given to Do must not start goroutines that depend on the
// namespace; it may start processes, which inherit it. Accepted connections have
// the keepalive settings of package net (15 s), not those of Dial.
package netns
