package main

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is between two looks at something that a command waits for.
const pollEvery = 20 * time.Millisecond

// poll asks until ok, at most until ctx ends; then the last error is the reason.
func poll(ctx context.Context, ok func() error) error {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-t.C:
		}
	}
}
