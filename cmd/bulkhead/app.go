package main

import (
	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// newAppCommand makes `bulkhead app`, the application of a lab's pod.
func newAppCommand() *cobra.Command {
	var config load.Config
	c := &cobra.Command{
		Use: "app", Short: "The application of a lab's pod; the lab starts it", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return load.Serve(c.Context(), config, c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&config.Pod, "pod", "", "name of the pod")
	c.Flags().StringArrayVar(&config.Listen, "listen", nil, "address of the frame server, may be repeated")
	c.Flags().StringVar(&config.HTTP, "http", "", "address of the page")
	c.Flags().StringVar(&config.Marker, "marker", "", "what every request carries")
	return c
}
