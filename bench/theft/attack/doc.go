// Package attack is what runs in the place of a stolen cell. It belongs to the lab, and is
// linked into bulkhead-attack only.
//
// # Usage
//
// The lab writes the executable with its orders behind it ([Write]) to where the keeper,
// or the kubelet, looks for the cell's, and kills the cell. Started in its place,
//
//	orders, err := attack.Own()
//	err = attack.Run(ctx, orders, os.Stdout)
//
// does what a thief would, with what a cell has: its jail, its channel to the keeper, the
// listeners and namespaces that the keeper hands over. Orders are in the program itself,
// because the jail opens no other file.
//
// # What it says
//
// A line before each attempt and one after it, so that an attempt which it does not
// survive is known, too ([Read]). It then lives on, answers the keeper's pings, and waits
// to be killed.
//
// It does no more harm than it must: a signal is signal 0, a process that can be traced is
// let go, files are opened and not changed. Listeners that it manages to break are those
// of the pods that the cell served; they are tried last.
package attack
