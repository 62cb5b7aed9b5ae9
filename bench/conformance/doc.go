// Conformance writes docs/conformance.md: what a peer of ztunnel does, by number, and the tests that show it.
//
//	make conformance                      # run every test that shows a behaviour, write the table
//	go run ./bench/conformance --new      # run only those that the table has no result of
//	go run ./bench/conformance --no-run   # run nothing: the table's results stay, new tests are "not run"
//
// # A mark
//
// A test says what it shows in a line of its own, directly above the function or above the row of its table:
//
//	// Conformance 62: deny before allow.
//
// It consists of the number, a colon, and the behaviour in words that fit the test. A function may have several marks,
// and a behaviour several tests. A mark in something that several tests use (a table in a variable, a step of a scenario) counts for
// each of them. A line that begins like a mark and is none is an error, and so is a number that nobody knows.
//
// # A behaviour
//
// behaviours.txt holds them all, by group. A line with a "-" below one says what is missing, or why it is not here:
//
//	12 A service without endpoints is an error and not passthrough.
//	  - not built: …
//
// A test that runs one body over both transports has subtests named http2 and quic, at whatever depth; the table says which passed. Where
// a behaviour is HTTP/2's alone, a line below it says why:
//
//	not over QUIC: …
//
// Every behaviour has a mark or such a line; one may have both. A test of this package says so, and that the table in
// docs is the one of these marks. It cannot say that the results are today's: those are of the last make conformance.
package main
