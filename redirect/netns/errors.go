package netns

import (
	"errors"
	"fmt"
)

// ErrNotNetns means that a descriptor or path is not a network namespace.
var ErrNotNetns = errors.New("not a network namespace")

// An Op is the stage at which an operation on a namespace failed.
type Op string

// Stages, in the order in which an operation meets them.
const (
	OpOpen    Op = "open"
	OpEnter   Op = "enter"
	OpLeave   Op = "leave"
	OpSocket  Op = "socket"
	OpOption  Op = "set option of socket"
	OpBind    Op = "bind"
	OpListen  Op = "listen"
	OpConnect Op = "connect"
)

// An Error says which stage failed in which namespace. Err is the cause, a
// unix.Errno in most cases.
type Error struct {
	Op        Op
	Namespace string
	Subject   string // address or option, may be empty
	Err       error
}

func (e *Error) Error() string {
	if e.Subject == "" {
		return fmt.Sprintf("netns %s: %s: %v", e.Namespace, e.Op, e.Err)
	}
	return fmt.Sprintf("netns %s: %s %s: %v", e.Namespace, e.Op, e.Subject, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
