package crowd

import (
	"fmt"
	"sync/atomic"
)

// Tally is what came of a crowd: connections or handshakes that were tried and that came
// about, and the bytes that they brought.
type Tally struct{ Tried, Made, Bytes atomic.Int64 }

// String is one line for people.
func (t *Tally) String() string {
	return fmt.Sprintf("%d of %d made, %d MiB read", t.Made.Load(), t.Tried.Load(), t.Bytes.Load()>>20)
}

// Write counts what is read, as an end of io.Copy.
func (t *Tally) Write(b []byte) (int, error) {
	t.Bytes.Add(int64(len(b)))
	return len(b), nil
}
