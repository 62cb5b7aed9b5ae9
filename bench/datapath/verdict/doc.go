// Package verdict is the record of bench datapath, and what is judged from it. Package datapath makes such records.
//
//	doc, err := verdict.Open("out/20261125-171500-datapath-7")
//	fmt.Print(doc.Table())
//	fmt.Print(doc.Benchstat()) // for golang.org/x/perf/cmd/benchstat
//
// A record is one file of JSON lines: the run, then a line for each number of each round as soon as it is known, then
// the end. Everything shown is computed from it alone (invariant I8).
//
// # A verdict
//
// Each [Row] names its peer, its bar and its goal before anything is measured. In every round, ours and the peer are
// measured within seconds of one another; the ratio of the two is one observation, and what slows the machine for
// minutes slows both. Of the ratios of all rounds the median is shown, with an interval that holds the true median
// with 95 % at least, by order statistics: of 9 rounds the second smallest to the second largest, which is exact whatever
// the distribution (96.1 %). A bootstrap was the other way; of nine values it promises more than it keeps. Fewer than
// six rounds have no such interval.
//
// pass: the whole interval meets the bar. miss: none of it does. tie: else; this run cannot tell. The goal is judged
// the same way.
//
// # A check
//
// [Check] compares two records, [CheckBuilds] two builds within one, and both say which rows are worse than noise
// (deal.go); docs/decisions/0023-worse-than-noise.md says what that means, and how often equal builds fail.
//
// Nothing is kept between calls.
package verdict
