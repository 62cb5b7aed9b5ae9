package anchor

import (
	"os"

	"golang.org/x/sys/unix"
)

// Held is one descriptor that the anchor holds.
type Held struct {
	Name  string
	Label []byte
	File  *os.File
}

// Process is one running process of the anchor's.
type Process struct {
	Name  string
	Label []byte
	PID   int
}

// Inventory is what a keeper finds when it starts. Its files belong to the keeper.
type Inventory struct {
	Held      []Held
	Processes []Process
}

// Event says that a process has ended.
type Event struct {
	Name   string
	Label  []byte
	PID    int
	Status unix.WaitStatus
}

// Spec is a process to start.
type Spec struct {
	Name  string
	Label []byte
	Argv  []string // the first is the path; /proc/self/exe is the anchor's own
	Env   []string
	Files []*os.File // become fd 3, 4, …; the caller closes its own
}
