package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/hog"
)

// newHogCommand makes `bulkhead hog`, the second process of an application that takes
// what it can get.
func newHogCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "hog", Short: "An application that takes what it can get; the lab starts it", Hidden: true, Args: cobra.NoArgs, RunE: unknownCommand,
	}
	c.AddCommand(&cobra.Command{
		Use: string(hog.OfCPU), Short: "Burn CPU on every core", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return hog.CPU(c.Context()) },
	})
	var most int64
	memory := &cobra.Command{
		Use: string(hog.OfMemory), Short: "Take memory", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if most <= 0 {
				return usageError{errors.New("--most: say how many bytes, so that it is not the whole machine")}
			}
			return hog.Memory(c.Context(), most)
		},
	}
	memory.Flags().Int64Var(&most, "most", 0, "bytes")
	c.AddCommand(memory)
	return c
}
