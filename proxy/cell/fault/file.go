package fault

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// ReadFile is how a sidecar, which has no keeper, gets its orders: from a file, read
// when the process starts and at SIGUSR1. An order stands for its duration from the
// time at which the file was written; one that is over, or for an earlier process
// only, is nil.
func ReadFile(path string, started bool) (*Order, error) {
	st, err := os.Stat(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	var o Order
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("faults: %s: %w", path, err)
	}
	over := time.Since(st.ModTime()) >= o.For
	if started && (over || o.Name != Exit) {
		return nil, nil
	}
	return &o, nil
}
