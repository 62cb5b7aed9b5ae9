// Package lab is a small mesh on one Linux machine: nodes, pods, applications, a
// CA, a kubelet, and the data plane under test. It needs no other software, and
// either root or an ordinary user with user namespaces.
//
// # Usage
//
// Outside, [Enter] runs this executable again inside new namespaces; inside, the
// process that it started (the worker) makes a [Lab] and works with it:
//
//	err := lab.Enter(ctx, lab.Entry{Base: base, Args: []string{"up"}})
//
//	l, err := lab.New(lab.Options{Dir: dir, Cgroup: name})   // from the flags that Enter gives
//	defer l.Down()
//	err = l.Up(ctx)                                          // network, CA, applications
//	err = l.Place(ctx, lab.SharedAsZtunnel(lab.Kubelet(1)))  // data plane, capture
//	procs, err := l.DataPlane("tenant-a/checkout")           // whom to break
//	err = l.Displace(ctx)
//
// # Processes
//
//	outer      the command that somebody typed; holds a pipe, removes what is left
//	└─ init    PID 1 of new user, pid, mount and net namespaces (see [Init])
//	   └─ worker   the lab itself; its network namespace is the fabric
//	      ├─ bulkhead control      twice: the mesh, and the CA, each on a unix socket
//	      ├─ bulkhead app          one per pod, in the pod's network namespace
//	      ├─ bulkhead-sidecar      one per pod (sidecar), or
//	      └─ bulkhead-node         one per node (all other isolations), PID 1 of a pid
//	                               namespace as in a container: what it started dies with it
//
// The pipe is the leash: when the outer process is gone, however it ended, init
// reads the end of the pipe and ends, and the kernel kills everything in its pid
// namespace. PDEATHSIG is not used: it fires when the parent's thread ends. All
// network namespaces are held by descriptors of the worker and by sockets, never
// by mounts, so they go with it. What can be left are a directory and cgroups;
// their names tell whose they are, and [RemoveLeftovers] removes those of the dead.
//
// # Ownership
//
// A Lab owns everything it makes, and Down ends it all in any state. Place and
// Displace must not run at the same time; all other methods may, from any
// goroutine. Records must be read while a load runs, or requests are lost (and
// counted).
//
// # Limits
//
// All pids are those inside the lab, also of processes in a node's own pid namespace.
// The lab's kubelet restarts sidecars and node proxies; cells are their keeper's, and
// applications are not restarted.
//
// Nodes are network namespaces: they share the kernel, conntrack's table size and
// the CPUs. Without root on the machine there are no cgroups and only one uid.
package lab
