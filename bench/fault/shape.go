package fault

import "time"

// Lasting is a fault that goes on after it has struck, and ends by itself: a recovery is
// then seen in the observation, and the undo only makes sure of the end.
type Lasting interface{ Lasts() time.Duration }

// Timed is a lasting fault whose length can be chosen.
type Timed interface {
	Fault
	Lasting
	For(d time.Duration) Fault
}

// Scaled is a fault that has a strength: 0 times is none, 1 what one usual workload does.
type Scaled interface {
	Fault
	Times(n int) Fault
}
