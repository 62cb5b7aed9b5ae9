package lab

import (
	"context"
	"os"
)

// Entry is what runs inside a new lab.
type Entry struct {
	// Init are the arguments with which this executable calls Init, Worker those
	// with which it runs the lab. Both get flags appended: --dir and --cgroup.
	Init, Worker   []string
	Stdout, Stderr *os.File // nil: this process's own
	// Exclusive refuses to run beside another exclusive lab of the same user.
	Exclusive bool
}

// Enter runs the worker inside new namespaces and waits for it. When ctx is done
// the worker is told (SIGINT); Kill ends it at once. The error is an *ExitError with
// the worker's code when it is not 0.
func Enter(ctx context.Context, e Entry) error { return errTODO }

// Init is PID 1 of a lab.
func Init(args []string) (exit int) { return 1 }
