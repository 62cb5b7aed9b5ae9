package jail

import "errors"

// Spec is the jail and the program in it.
type Spec struct {
	Netns      int      // descriptor of the network namespace to enter, closed then; -1: stay
	Cgroups    []string // directories of the groups to join, absolute
	UID, GID   int      // 0: keep
	Caps       []string // capabilities that the program has: "net_raw", "sys_admin"
	NoNewPrivs bool
	// Files is how many descriptors, from 3 on, the program inherits. 0: one, the
	// channel on fd 3. -1: none. All others are closed.
	Files int
	Argv  []string // the program; looked up in PATH when it has no slash
	Env   []string // nil: the shim's own
}

// Args are the arguments of the shim: `bulkhead-node shim` + Args.
func (s Spec) Args() []string { return nil }

// ParseArgs is the inverse of Args.
func ParseArgs(args []string) (Spec, error) { return Spec{}, errors.New("jail: being written") }

// Exec becomes the program. It returns only if it failed, and the process is unfit
// for anything else then.
func (s Spec) Exec() error { return errors.New("jail: being written") }
