// Package web shows records to people who would rather look than read: one HTML page that
// holds everything it needs, an SVG of each drill, and Markdown for a pull request.
//
// # Usage
//
//	doc, err := report.Read("out/20261123-201500-crash-7")
//	r := web.Records{Drills: []web.Drill{{Document: doc}}}
//	err = web.Page(w, r)           // report.html
//	files := web.Pictures(r)       // crash.svg, …
//	fmt.Print(web.Markdown(r))
//
// # The page
//
// It opens from a disk, refers to nothing outside of itself, and can be read with scripts
// off, by keyboard, in grey, on paper and on a telephone. Everything on it is computed from
// the records (invariant I8): the same records give the same bytes. Names in a record are
// hostile input: html/template escapes what is text, and a pen of our own what is in an SVG.
//
// # The strip
//
// A picture of a drill ([Pictures]) has one band for each subject, all on one time axis, so
// that how far a fault reached is seen. A row is a workload, with new connections above
// reused ones; a cell is a bin of 100 ms. The culprit's row shows all flows with an end at
// it, every other row only bystander flows: what a bystander suffers because it talks to the
// culprit is not the reach of the fault. Of repeats the typical one is drawn: the median by
// hit bystander flows, then by error-seconds.
package web
