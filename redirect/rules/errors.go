package rules

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A Step is what was being done to the rules when it failed.
type Step string

// Steps.
const (
	StepOpen    Step = "open netlink"
	StepList    Step = "read back"
	StepTable   Step = "install table"
	StepRoute   Step = "install ip rule and route"
	StepDelete  Step = "delete table"
	StepUnroute Step = "delete ip rule and route"
	StepCount   Step = "list captured connections"
	StepCut     Step = "cut captured connection"
	StepForget  Step = "forget connections"
	StepWatch   Step = "watch for changes"
)

// An Error is a failure of one step in one namespace.
type Error struct {
	Step      Step
	Namespace string
	Subject   string // table or connection, may be empty
	Err       error
}

func (e *Error) Error() string {
	subject := ""
	if e.Subject != "" {
		subject = " " + e.Subject
	}
	return fmt.Sprintf("capture in %s: %s%s: %v%s", e.Namespace, e.Step, subject, e.Err, e.hint())
}

// hint says what the bare errno does not.
func (e *Error) hint() string {
	switch {
	case errors.Is(e.Err, unix.EPERM) || errors.Is(e.Err, unix.EACCES):
		return " (CAP_NET_ADMIN in the namespace is needed)"
	case errors.Is(e.Err, unix.EAFNOSUPPORT) || errors.Is(e.Err, unix.EOPNOTSUPP) || errors.Is(e.Err, unix.EPROTONOSUPPORT):
		return " (the kernel lacks nf_tables with family inet, NAT, conntrack and its zones, or SOCK_DESTROY)"
	}
	return ""
}

func (e *Error) Unwrap() error { return e.Err }

// A StillCapturedError means that Remove could not end all captured connections.
// The keep and guard tables are still in place, and nothing leaves in plaintext.
type StillCapturedError struct {
	Namespace   string
	Connections int
}

func (e *StillCapturedError) Error() string {
	return fmt.Sprintf("capture in %s: %d captured connections could not be cut; their rules stay", e.Namespace, e.Connections)
}
