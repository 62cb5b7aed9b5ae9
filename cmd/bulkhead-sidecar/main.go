// Command bulkhead-sidecar is the data plane alone in a pod: the code of bulkhead-cell,
// with its own clients of control in place of a keeper.
package main

import (
	"os"

	"github.com/bulkhead-mesh/bulkhead/cmd/internal/dataplane"
)

func init() { dataplane.Name("bulkhead-sidecar") }

func main() { os.Exit(dataplane.Main("bulkhead-sidecar", newRoot().ExecuteContext)) }
