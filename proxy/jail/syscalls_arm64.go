package jail

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	otherABI  = 0x40000000 // unused here
)

var alwaysHere = []uint32{unix.SYS_FSTATAT}
