// Package budget bounds what one workload may use inside a cell, so that those who
// share the cell with it do not notice (invariant I4 of docs/architecture.md).
//
// # Usage
//
// A cell has one [Turns]; every workload in it has one [Account] with [Limits]:
//
//	turns := budget.NewTurns(runtime.GOMAXPROCS(0))
//	account := budget.NewAccount(limits, turns)
//	place, err := account.Connection(ctx) // waits; an [*Error] says what was used up
//	defer place.Leave()
//	ctx = place.Under(ctx)                // ends when the connection is shed
//
// A nil *Account, and the nil *Place that it gives, take no notice of anything: that
// is `budgets: off`, and no caller asks which it has.
//
// # What happens over budget
//
//	connections open        wait up to [Patience], then refused
//	new connections/second  wait, in the listener's backlog when they come over TCP
//	tunnels                 wait up to Patience, then refused
//	handshakes/second       wait up to Patience, then refused
//	dials in flight         wait up to Patience, then refused
//	bytes buffered          from half of the budget on windows and buffers are small;
//	                        a stream whose bytes do not fit at all is reset
//	tunnels over QUIC       may be charged a quarter of the bytes, then refused: their peers stay on TCP
//
// Waiting is the rule because it reaches the one who causes it: a connection that is
// not accepted slows its client and nobody else. Refusing comes after that, since a
// wait without end is a refusal that nobody is told of.
//
// # CPU
//
// A handshake computes for a millisecond and then waits for its peer. Limiting how
// many are under way would let peers that never answer hold every slot, so a
// handshake holds one of the cell's turns only while it computes and gives it back
// around every read (see [Account.Handshake]; over QUIC [Account.Begin] and [Account.Compute]). Turns go round the workloads, one
// each: a thousand waiting handshakes of one workload delay another's single one by
// one round.
package budget
