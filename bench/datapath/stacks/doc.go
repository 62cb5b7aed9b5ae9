// Package stacks reads what `perf script` prints, and says in which functions a process was.
//
//	names, err := stacks.Open("bin/bulkhead-cell")
//	p, err := stacks.Read(out, names)      // of: perf script -F ip,sym,dso
//	fmt.Print(p.Top(30), p.Folded())
//
// Executables as they are shipped have no symbols that perf could read. Every Go executable
// carries the table that its own stack traces are made from; Names reads that.
package stacks
