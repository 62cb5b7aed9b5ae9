// Package keyscan finds private keys in the memory of processes.
//
// # Usage
//
//	keys, err := keyscan.NewKeys(spki)       // every public key that was ever issued
//	found, stats, err := keys.InProcess(ctx, pid)
//
// # How
//
// A private key of P-256 is a number of 32 bytes, and nothing marks it as one. So every
// 32 bytes that could be one are taken as a scalar, its public key is computed, and that
// is looked up among those that were issued: what matches is the private key, for
// certain, and what does not is none of theirs.
//
// Candidates are all windows at addresses that are multiples of 8, in both byte orders
// (math/big keeps words, least significant first; the FIPS code keeps bytes, most
// significant first), and, at any address, what follows 04 20, as in the DER of a
// private key. A window with fewer than 20 different bytes is passed over: memory is full
// of those, and a random key looks like that once in 7e9.
//
// Only pages that the process has touched are read, and of those not the ones that still
// are what a file holds. The process runs on meanwhile: the collector of Go does not move
// what it keeps, so a key that is in use is seen.
//
// # What it cannot see
//
// A key that is encoded in another way (encrypted, in halves), registers, and what the
// kernel holds. Whoever scans proves the scan with a process that must have a key: one
// that finds nothing anywhere proves nothing.
//
// It needs the right to trace the process: root, in a lab.
package keyscan
