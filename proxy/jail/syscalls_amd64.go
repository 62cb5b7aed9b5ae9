package jail

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	// otherABI and above are the calls of x32, which has numbers of its own in the
	// same architecture.
	otherABI = 0x40000000
)

var alwaysHere = []uint32{unix.SYS_ARCH_PRCTL, unix.SYS_NEWFSTATAT}
