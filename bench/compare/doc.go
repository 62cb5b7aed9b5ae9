// Package compare says what changed between two runs of the same drills, and whether it
// is more than noise.
//
// # Usage
//
//	c, err := compare.Of("out/before", "out/after")
//	fmt.Print(c.Table())
//	for _, s := range c.Worse() { … }
//
// Both are directories with a record of a drill, or with one below it for each drill of a
// suite. Everything is computed from the records (I8).
//
// # What can be compared
//
// The same drill, culprit, load, topology, restart policy and subject. Anything else is a
// *NotComparableError: a difference would say nothing about what was changed. Another
// machine, seed or version is warned of: the version is usually what is compared.
//
// # What a verdict means
//
// A figure is worse or better when the 95 % bootstrap interval of the difference of the
// medians does not hold zero, and there are repeats enough that chance could not have dealt
// them so (measure.Enough): four against four. With fewer, or with an invalid record, it
// cannot be told. One thing can with a single repeat each: which flows fail, where the
// prediction of both leaves nothing open. Of many figures some differ by chance; the table
// says how many to expect.
package compare
