// Command bulkhead-attack is the thief of the drill key-theft. The lab writes orders
// behind it, puts it where a keeper, or a kubelet, finds the cell's executable, and has it
// started there: its arguments are the cell's, and mean nothing to it.
//
// It is of the lab, and part of no image.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/theft/attack"
)

// Exit codes.
const (
	exitFailure = 1
	exitMisuse  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	orders, err := attack.Own()
	if err == nil {
		err = attack.Run(ctx, orders, os.Stdout)
	}
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "bulkhead-attack:", err)
	if errors.Is(err, attack.ErrNoOrders) {
		os.Exit(exitMisuse)
	}
	os.Exit(exitFailure)
}
