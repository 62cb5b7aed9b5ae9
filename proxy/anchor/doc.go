// Package anchor is the parent of everything that a node's proxy runs, and holds what
// must outlive it: the keeper can crash, and a new one finds the listening sockets,
// the channels to the cells and the cells themselves as the old one left them.
//
// It is small because it must not fail: it reads no byte from a peer or a cell,
// interprets no name and no label, and its only input is the keeper's requests.
//
//	anchor process                          keeper process (forked, fd 3 = its socket)
//	  Run                                     client, inventory, err := Adopt()
//	    fork keeper  ───────────────────────▶
//	    Hold, Drop, Start, Signal, Quit  ◀──  client.Hold(…), client.Start(…) …
//	    reap cells   ───────────────────────▶ <-client.Events()
//
// Why not let the keeper be the cells' parent? It would take them along when it dies,
// and the other end of an inherited socket pair cannot be connected to again.
//
// # The anchor's end
//
// Run blocks until its context ends (or the keeper calls Quit), and owns the whole
// process while it runs: it reaps every child, also those that it did not start, as
// PID 1 of a pid namespace must. So no other code of the process may wait for
// children. It ignores SIGPIPE, and marks every descriptor that it inherited
// close-on-exec.
//
// Children get /dev/null, the anchor's stdout and stderr, and from 3 on exactly the
// descriptors of their Spec; their own session, so that Ctrl-C on a terminal reaches
// the anchor alone; and no parent-death signal, because that fires when the *thread*
// that forked ends.
//
// A keeper that dies is started again 100 ms after its own start or at once, whichever is
// later; that spacing doubles to 2 s, and is 100 ms again after a keeper that lived 30 s.
// A keeper whose request is malformed is killed,
// which comes to the same. A keeper that exits with 0 makes room for its successor,
// and does not lengthen the spacing. One that exits with ExitMisuse before any has worked is
// not started again. Every start looks the keeper's path up anew, so that
// replacing the file upgrades the keeper.
//
// # The keeper's end
//
// Adopt returns the inventory: descriptors held and processes running. Exits that no
// keeper has seen yet come as events; each is repeated to later keepers until one has
// taken it from Events.
//
// Hold gives the anchor a copy; the keeper closes its own when it likes. A second
// Hold of a name replaces the first. A name's process can be started again as soon as
// it has ended.
//
// # When somebody dies
//
// The keeper: cells run on, what they send waits in their channels. The anchor: the
// keeper reads the end of its socket, Events is closed and every call fails with
// ErrGone, and the keeper must exit; a cell's channel has its other end in keeper and
// anchor both, so it reads the end when both are gone, and exits. Everything at once
// ends by itself, without anyone to clean up.
package anchor
