// Package cost is the record of what isolation costs and what sharing saves, and
// what is judged from it. Package trial makes such records.
//
//	doc, err := cost.Open("out/20261125-091508-isolation-7")
//	fmt.Print(doc.Table())
//	b, err := doc.JSON()
//
// A record holds what was seen, not what it means, in two files on one clock
// (CLOCK_MONOTONIC): cost.jsonl has a line for each look at the processes of the node
// under test, each start of a pod and each replaced process; requests.jsonl.gz, which
// is that of a drill, a line for each request. All numbers are computed here from
// those two alone (invariant I8): the same bytes for the same record.
//
// Every number is made for each turn, which is one isolation on one size of node,
// once. A table shows the median of the turns, and how far they are apart. Latency is
// that of an isolation less that of none in the same round: both saw the same plan of
// requests, minutes apart at most.
package cost
