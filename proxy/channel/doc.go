// Package channel carries packets with descriptors between two processes of one
// node: keeper and cell, anchor and keeper.
//
// A channel is a SOCK_SEQPACKET socket pair: packets keep their borders, arrive in
// order, and end with io.EOF when every holder of the other end is gone. A packet
// has 1 to MaxPacket bytes and at most MaxFiles descriptors; what the bytes mean is
// the user's matter.
//
//	a, b, err := channel.Pair()   // before the fork; both close-on-exec
//	ours, err := channel.New(a)   // b goes to the child, then close it here
//	err = ours.Send(packet, listener)
//	packet, files, err := ours.Recv()
//
// # Who closes what
//
// New takes over its file. Send closes nothing: the descriptors it sends are copies,
// and the caller closes its own when it likes. Recv's files belong to the caller.
// When Recv fails, it has closed whatever came with the packet.
//
// # Concurrency
//
// Send may be called from any number of goroutines, Recv too (each packet goes to
// one of them), Close at any time: it ends both with os.ErrClosed.
//
// # Limits
//
// A peer that does not read fills the socket's buffer; Send then waits for
// SetSendTimeout at most and returns a *TimeoutError. The packet was not sent, not
// even in part, and the channel remains usable. A packet of zero bytes reads like
// the end of the channel (recv returns 0 for both), so Send refuses one, and a peer
// that sends one has hung up.
//
// Descriptors are touched through SyscallConn only and never through File.Fd, which
// may set the open file description to blocking: for every process that shares it.
package channel
