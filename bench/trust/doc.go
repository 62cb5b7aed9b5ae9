// Package trust says what one stolen process of a data plane exposes: it holds the
// record of a key-theft drill, or of a look at a running lab, and judges it.
//
// # Usage
//
//	record, err := trust.Read("out/20261125-100000-key-theft-7")
//	result := trust.Judge(record)
//	fmt.Print(result.Table())
//
// # The record
//
// One file, trust.json ([Record]): the workloads and the graph of their flows, and for
// each isolation every SVID that was issued, every process of the data plane with the
// issued keys that were found in its memory and what the kernel lets it do, and every
// attempt of the attack that was started in the culprit's place. docs/trust.md describes
// how it comes about. There is no private key in it.
//
// # Judged offline
//
// [Judge] is pure: the same record gives the same result, anywhere and at any time
// (invariant I8); the time that a key has left is counted from the moment of the look.
//
// A process should hold keys of the workloads that it serves and of no other (I3). An
// attempt is inside the group when what it would reach belongs to a workload of the same
// cell, which sharing has given away already; everything else is outside and must fail.
// What is otherwise is a finding.
package trust
