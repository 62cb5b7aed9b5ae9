// Command bulkhead-cell is the data plane on a node: its keeper starts it, jailed, and
// tells it over a channel what to serve. Alone in a pod it is bulkhead-sidecar.
package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/cmd/internal/dataplane"
)

func init() { dataplane.Name("bulkhead-cell") }

func main() { os.Exit(dataplane.Main(newRoot(), os.Args[1:])) }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulkhead-cell",
		Short: "The data plane of a node: captures TCP connections of pods and carries them over mTLS", Version: version,
		Long: `bulkhead-cell is the data plane of Bulkhead on a node: the keeper of bulkhead-node starts it ("channel").
Alone in a pod the same code is bulkhead-sidecar.`,
		Args: dataplane.Args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return &dataplane.Misuse{Err: errors.New(`a keeper starts this ("channel"); in a pod use bulkhead-sidecar`)}
		},
	}
	root.AddCommand(newChannelCommand())
	return root
}
