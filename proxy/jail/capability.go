package jail

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// capabilities by the name that capabilities(7) gives them, without CAP_, lower case.
var capabilities = map[string]uint{
	"chown": unix.CAP_CHOWN, "dac_override": unix.CAP_DAC_OVERRIDE, "dac_read_search": unix.CAP_DAC_READ_SEARCH,
	"fowner": unix.CAP_FOWNER, "fsetid": unix.CAP_FSETID, "kill": unix.CAP_KILL, "setgid": unix.CAP_SETGID,
	"setuid": unix.CAP_SETUID, "setpcap": unix.CAP_SETPCAP, "linux_immutable": unix.CAP_LINUX_IMMUTABLE,
	"net_bind_service": unix.CAP_NET_BIND_SERVICE, "net_broadcast": unix.CAP_NET_BROADCAST,
	"net_admin": unix.CAP_NET_ADMIN, "net_raw": unix.CAP_NET_RAW, "ipc_lock": unix.CAP_IPC_LOCK,
	"ipc_owner": unix.CAP_IPC_OWNER, "sys_module": unix.CAP_SYS_MODULE, "sys_rawio": unix.CAP_SYS_RAWIO,
	"sys_chroot": unix.CAP_SYS_CHROOT, "sys_ptrace": unix.CAP_SYS_PTRACE, "sys_pacct": unix.CAP_SYS_PACCT,
	"sys_admin": unix.CAP_SYS_ADMIN, "sys_boot": unix.CAP_SYS_BOOT, "sys_nice": unix.CAP_SYS_NICE,
	"sys_resource": unix.CAP_SYS_RESOURCE, "sys_time": unix.CAP_SYS_TIME,
	"sys_tty_config": unix.CAP_SYS_TTY_CONFIG, "mknod": unix.CAP_MKNOD, "lease": unix.CAP_LEASE,
	"audit_write": unix.CAP_AUDIT_WRITE, "audit_control": unix.CAP_AUDIT_CONTROL, "setfcap": unix.CAP_SETFCAP,
	"mac_override": unix.CAP_MAC_OVERRIDE, "mac_admin": unix.CAP_MAC_ADMIN, "syslog": unix.CAP_SYSLOG,
	"wake_alarm": unix.CAP_WAKE_ALARM, "block_suspend": unix.CAP_BLOCK_SUSPEND,
	"audit_read": unix.CAP_AUDIT_READ, "perfmon": unix.CAP_PERFMON, "bpf": unix.CAP_BPF,
	"checkpoint_restore": unix.CAP_CHECKPOINT_RESTORE,
}

// capabilityBits is the mask of the named ones.
func capabilityBits(names []string) (uint64, error) {
	var mask uint64
	for _, name := range names {
		bit, ok := capabilities[name]
		if !ok {
			return 0, fmt.Errorf("capability %q does not exist; they are spelled as in capabilities(7), like %q", name, "net_raw")
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// effective is this thread's effective set.
func effective() (uint64, error) {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

// boundTo drops every capability outside mask from the bounding set, so that exec as
// uid 0, which otherwise gives all, gives these at most.
func boundTo(mask uint64) error {
	for bit := uint(0); bit < 64; bit++ {
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(bit), 0, 0, 0)
		if err == unix.EINVAL {
			return nil // past the kernel's last one
		}
		if err != nil {
			return err
		}
		if in == 0 || mask&(1<<bit) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(bit), 0, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// retain makes mask the thread's permitted, effective, inheritable and ambient set.
// Ambient is what exec hands to a uid other than 0 (capabilities(7)); no_new_privs
// leaves it alone.
func retain(mask uint64) error {
	low, high := uint32(mask), uint32(mask>>32)
	data := [2]unix.CapUserData{
		{Effective: low, Permitted: low, Inheritable: low},
		{Effective: high, Permitted: high, Inheritable: high},
	}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for bit := uint(0); bit < 64; bit++ {
		if mask&(1<<bit) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(bit), 0, 0); err != nil {
			return err
		}
	}
	return nil
}
