// Package measure holds the record of a drill and the judge that turns it into
// numbers.
//
// # Usage
//
//	run, requests, err := measure.Read("out/20261123-201500-crash-7")
//	result, err := measure.Judge(run, requests)
//
// A record is a directory with two files: run.json ([Run]: what was set up, when
// each segment began, when the fault struck, what was predicted) and
// requests.jsonl.gz (one load.Record per line: every request and every broken
// connection). docs/record.md describes both.
//
// # Judged offline
//
// [Judge] is pure: it reads no clock, no file, no network, and its result does not
// depend on the order of the records. Whatever a report prints can therefore be
// computed again from the record by anybody (invariant I8), and a mistake in the
// judge can be repaired without running the drill again. The drill itself looks at
// arriving records only to draw its live line and to decide when it has seen
// enough; nothing of that is in the numbers.
//
// # Definitions
//
//   - A bin is 100 ms of planned time, counted from the fault.
//   - Late: answered later than L after the planned time, where L is the larger of
//     100 ms and three times the largest baseline p99 of the run.
//   - A flow is hit by a failed request, a broken connection, or two late bins in a
//     row. A single late bin is noise, and counts nowhere else either.
//   - A flow is down when fewer than half of its requests succeeded in some 1 s span.
//   - A bystander flow has neither end at the culprit; a workload is a hit bystander
//     only through such a flow.
//   - Sentinel flows are captured by nobody. A bin in which one of them is late or
//     fails says that the machine stalled: it is void, and judged for no flow. More
//     than 2 % void bins make the run invalid.
package measure
