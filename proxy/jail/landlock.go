package jail

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ownFiles is everything that Landlock knows to forbid about files, by ABI.
var ownFiles = []struct {
	abi    int
	access uint64
}{
	{1, 1<<13 - 1}, // execute to make_sym
	{2, unix.LANDLOCK_ACCESS_FS_REFER},
	{3, unix.LANDLOCK_ACCESS_FS_TRUNCATE},
	{5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
}

// confine forbids every file but the program (open descriptors and nsfs are out of its
// reach), binding of TCP ports but those that the kernel picks and those of Listen
// (ABI 4), and signals and abstract sockets to whoever is outside (ABI 6).
//
// A domain also closes ptrace, and with it /proc/PID/mem, fd and ns of everybody else.
func (s Spec) confine(program int) error {
	if !s.Landlock {
		return nil
	}
	abi, err := landlockABI()
	if err != nil {
		return err
	}
	attr := unix.LandlockRulesetAttr{}
	for _, f := range ownFiles {
		if abi >= f.abi {
			attr.Handled_access_fs |= f.access
		}
	}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	ruleset, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), landlockAttrSize(abi), 0)
	if e != 0 {
		return fmt.Errorf("ruleset: %w", e)
	}
	defer unix.Close(int(ruleset))
	if err := s.exceptions(int(ruleset), program, abi); err != nil {
		return err
	}
	if _, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); e != 0 {
		return fmt.Errorf("restrict: %w", e)
	}
	return nil
}

// ruleNetPort is LANDLOCK_RULE_NET_PORT, which x/sys does not have.
const ruleNetPort = 2

// landlockAttrSize is what an older kernel knows of the struct.
func landlockAttrSize(abi int) uintptr {
	switch {
	case abi >= 6:
		return 24
	case abi >= 4:
		return 16
	}
	return 8
}

func (s Spec) exceptions(ruleset, program, abi int) error {
	// Packed in the kernel: 8 bytes and 4.
	file := struct {
		access uint64
		fd     int32
	}{unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE, int32(program)}
	_, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&file)), 0, 0, 0)
	if e != 0 {
		return fmt.Errorf("the program: %w", e)
	}
	if abi < 4 {
		return nil
	}
	for _, p := range append([]uint16{0}, s.Listen...) { // 0: the kernel picks, at connect
		port := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_BIND_TCP, uint64(p)}
		_, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), ruleNetPort, uintptr(unsafe.Pointer(&port)), 0, 0, 0)
		if e != 0 {
			return fmt.Errorf("port %d: %w", p, e)
		}
	}
	return nil
}
