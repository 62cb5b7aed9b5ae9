package jail

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data. The low half of an argument comes first on the
// architectures that there are filters for.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

// filter is the program that the kernel runs before every system call. The number is
// compared call by call: for calls that pass whatever their arguments the kernel
// remembers the answer (Linux 5.11) and runs nothing.
func filter(calls []call) []bpf.Instruction {
	program := prologue()
	for _, c := range calls {
		block := c.block()
		// Blocks end in a return, so the number is still loaded where they are skipped.
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: c.number, SkipTrue: 1}, bpf.Jump{Skip: uint32(len(block))})
		program = append(program, block...)
	}
	return append(program, refuse())
}

// prologue leaves the number of the call loaded, which is one of this architecture.
func prologue() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: otherABI, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
	}
}

// withoutRaw refuses raw and packet sockets, and what could make them past the filter
// (io_uring). Netlink's are called raw and are not. SOCK_PACKET is an old name by which
// any family makes a packet socket.
func withoutRaw() []bpf.Instruction {
	pass := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	return append(prologue(),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_IO_URING_SETUP, SkipFalse: 1},
		refuse(),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_SOCKET, SkipTrue: 1},
		pass,
		bpf.LoadAbsolute{Off: offsetArgs, Size: 4}, // the family
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_PACKET, SkipFalse: 1},
		refuse(),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_NETLINK, SkipFalse: 1},
		pass,
		bpf.LoadAbsolute{Off: offsetArgs + 8, Size: 4}, // the type
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: sockTypeMask},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SOCK_RAW, SkipFalse: 1},
		refuse(),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SOCK_PACKET, SkipFalse: 1},
		refuse(),
		pass,
	)
}

func refuse() bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
}

// block decides on one call.
func (c call) block() []bpf.Instruction {
	pass := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	if len(c.when) == 0 {
		return []bpf.Instruction{pass}
	}
	var block []bpf.Instruction
	for _, a := range c.when {
		left := 3*len(a) + 1 // instructions of this alternative, its return included
		for _, x := range a {
			left -= 3
			block = append(block,
				bpf.LoadAbsolute{Off: offsetArgs + 8*x.argument, Size: 4},
				bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: x.mask},
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: x.want, SkipFalse: uint8(left)},
			)
		}
		block = append(block, pass)
	}
	return append(block, refuse())
}

// installFilter puts it on this thread, which is the program after exec; those of the
// runtime end there.
func (s Spec) installFilter() error {
	var instructions []bpf.Instruction
	switch {
	case s.Seccomp:
		instructions = filter(s.calls(uint32(os.Getpid())))
	case s.NoRaw:
		instructions = withoutRaw()
	default:
		return nil
	}
	raw, err := bpf.Assemble(instructions)
	if err != nil {
		return fmt.Errorf("assemble: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		return e
	}
	return nil
}
