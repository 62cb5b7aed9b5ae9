// Package dataplane is what the two executables of the data plane are alike in, before and
// around cell.Run: bulkhead-cell, which a node's keeper starts, and bulkhead-sidecar, which
// is alone in a pod.
//
//	func init() { dataplane.Name("bulkhead-cell") }
//	func main() { os.Exit(dataplane.Main("bulkhead-cell", run)) }
//
//	logs := dataplane.NewLogs(os.Stderr, name)
//	defer logs.Close()
//	cell.Run(ctx, cell.Config{Log: logs.Log, Access: logs.Access, Transport: dataplane.Transport, Datagrams: dataplane.Datagrams, …})
//
// They are two and not one because the sidecar speaks gRPC to control and a cell must not
// pay for that; everything that carries bytes is the same code.
//
// A process that links this package is not dumpable from its first moment.
package dataplane
