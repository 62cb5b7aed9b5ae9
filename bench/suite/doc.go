// Package suite is the record of several experiments that were run in one go: suite.json, beside one directory for each of
// them that holds a record of its own (packages measure and trust).
//
//	s, err := suite.Read("out/20261125-140000-suite-7")
//	for _, e := range s.Entries {
//		run, records, err := measure.Read(filepath.Join(dir, e.Dir))
//	}
//
// suite.json says what was to be run and how far that came. It is written before the first experiment begins, and again
// whenever one has ended, so that whatever ends the process leaves a true one: what it could not say any more is found
// as not run, or as running.
//
// Reading is strict; what a record holds is not read here. Package schedule makes suites.
package suite
