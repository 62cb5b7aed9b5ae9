package jail

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Step is a stage of the jail.
type Step string

// The steps, in order.
const (
	StepArguments    Step = "arguments"
	StepProgram      Step = "program"
	StepNetns        Step = "network namespace"
	StepLimits       Step = "resource limits"
	StepCgroup       Step = "cgroup"
	StepBounding     Step = "bounding set"
	StepUID          Step = "uid and gid"
	StepCapabilities Step = "capabilities"
	StepNoFile       Step = "descriptor limit"
	StepNoNewPrivs   Step = "no_new_privs"
	StepDescriptors  Step = "descriptors"
	StepLandlock     Step = "landlock"
	StepSeccomp      Step = "seccomp"
	StepExec         Step = "exec"
)

// Error says which step failed; it prints what to do about it, where that is known.
type Error struct {
	Step Step
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("jail: %s: %v", e.Step, e.Err)
	if advice := e.advice(); advice != "" {
		s += " (" + advice + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// advice is for the reader of a log line, who may not know why a step needs what.
func (e *Error) advice() string {
	var errno unix.Errno
	if !errors.As(e.Err, &errno) {
		return ""
	}
	switch [2]any{e.Step, errno} {
	case [2]any{StepNetns, unix.EPERM}:
		return "needs CAP_SYS_ADMIN, here and in the user namespace that owns the network namespace"
	case [2]any{StepNetns, unix.EINVAL}:
		return "the descriptor is not of a network namespace"
	case [2]any{StepNetns, unix.EBADF}:
		return "the parent did not pass the namespace's descriptor"
	case [2]any{StepCgroup, unix.ENOENT}:
		return "the group was removed, or never made"
	case [2]any{StepCgroup, unix.EACCES}, [2]any{StepCgroup, unix.EPERM}:
		return "the group belongs to another user: run as root, or configure no cgroup"
	case [2]any{StepCgroup, unix.EBUSY}:
		return "cgroup v2 takes no processes into a group that distributes controllers: use a leaf"
	case [2]any{StepLimits, unix.EPERM}:
		return "more than this process may have itself: raise `ulimit -n` of the node proxy, or configure fewer"
	case [2]any{StepUID, unix.EPERM}:
		return "needs CAP_SETUID and CAP_SETGID, and a user namespace that allows setgroups: configure no uids for an ordinary user"
	case [2]any{StepUID, unix.EINVAL}:
		return "the uid or gid is not mapped in this user namespace, see /proc/self/uid_map: configure no uids here"
	case [2]any{StepUID, unix.EAGAIN}:
		return "that uid already has as many processes as its limit allows"
	case [2]any{StepBounding, unix.EPERM}:
		return "needs CAP_SETPCAP, or no_new_privs"
	case [2]any{StepCapabilities, unix.EPERM}:
		return "this process does not have the capabilities itself: start the node proxy as root, or in a user namespace"
	case [2]any{StepExec, unix.EACCES}:
		return "the program must be executable by the cell's uid"
	case [2]any{StepExec, unix.ENOENT}, [2]any{StepProgram, unix.ENOENT}:
		return "is the path right, and the file in this mount namespace?"
	}
	return ""
}
