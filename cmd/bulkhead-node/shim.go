package main

import "github.com/bulkhead-mesh/bulkhead/proxy/jail"

// runShim is `bulkhead-node shim … -- PROGRAM`: it becomes the jailed program, and
// returns only if that failed.
func runShim(args []string) error {
	spec, err := jail.ParseArgs(args)
	if err != nil {
		return err
	}
	return spec.Exec()
}
