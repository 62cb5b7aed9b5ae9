package jail

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Power is one part of the jail, and whether this machine can put it on.
type Power struct {
	Name    string `json:"name"`
	Level   string `json:"level,omitempty"`   // what exactly, where there are degrees: "ABI 7"
	Missing string `json:"missing,omitempty"` // why not, as a sentence; empty when it can
}

// Powers is what this process can enforce on the cells that it starts, here and now. A
// nil error means that it can.
type Powers struct {
	Capabilities error // what rules and cells need, and no more for each cell
	UIDs         error // a uid for each cell
	PIDNamespace error // a pid namespace for each cell
	Seccomp      error
	Landlock     error
	LandlockABI  int // 0 without Landlock
}

// Probe asks the kernel; nothing is changed by asking. It is for the process that starts
// the cells, or one with the same privileges.
func Probe() Powers {
	p := Powers{Seccomp: probeSeccomp()}
	p.LandlockABI, p.Landlock = landlockABI()
	p.Capabilities = probeCapabilities()
	p.UIDs = probeUIDs()
	p.PIDNamespace = probePIDNamespace()
	return p
}

// List is the powers in the order in which the jail is put on.
func (p Powers) List() []Power {
	abi := ""
	if p.LandlockABI > 0 {
		abi = fmt.Sprintf("ABI %d", p.LandlockABI)
	}
	return []Power{
		newPower("pid namespace", "", p.PIDNamespace),
		newPower("capabilities", "", p.Capabilities),
		newPower("uids", "", p.UIDs),
		newPower("landlock", abi, p.Landlock),
		newPower("seccomp", "", p.Seccomp),
	}
}

func newPower(name, level string, err error) Power {
	if err != nil {
		return Power{Name: name, Level: level, Missing: err.Error()}
	}
	return Power{Name: name, Level: level}
}

// probeSeccomp asks for the actions that the filter uses.
func probeSeccomp() error {
	for _, action := range []uint32{unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_KILL_PROCESS} {
		_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
		if e != 0 {
			return fmt.Errorf("this kernel filters no system calls as the jail needs it (CONFIG_SECCOMP_FILTER, Linux 4.14): %w", e)
		}
	}
	return nil
}

// landlockABI is the version of Landlock, see landlock(7).
func landlockABI() (int, error) {
	abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch e {
	case 0:
		return int(abi), nil
	case unix.EOPNOTSUPP:
		return 0, errors.New("this kernel has Landlock, switched off: add landlock to the boot parameter lsm=")
	}
	return 0, fmt.Errorf("this kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK): %w", e)
}

// proxyNeeds are the capabilities that the node's proxy cannot do without: a cell's own
// two, that for the pods' rules, and the one to take capabilities away from a cell.
var proxyNeeds = []string{"net_admin", "net_raw", "setpcap", "sys_admin"}

// probeCapabilities names those that this process has not.
func probeCapabilities() error {
	have, err := effective()
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range proxyNeeds {
		if have&(1<<capabilities[name]) == 0 {
			missing = append(missing, "CAP_"+strings.ToUpper(name))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("needs %s: run as root, or give them to the node's proxy", strings.Join(missing, ", "))
	}
	return nil
}

func probeUIDs() error {
	have, err := effective()
	if err != nil {
		return err
	}
	if have&(1<<unix.CAP_SETUID) == 0 || have&(1<<unix.CAP_SETGID) == 0 {
		return errors.New("needs CAP_SETUID and CAP_SETGID: run as root")
	}
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return err
	}
	var inside, outside, size uint64
	if n, _ := fmt.Sscan(string(b), &inside, &outside, &size); n == 3 && size == 1 {
		return errors.New("this user namespace maps one uid only: cells run as the same user")
	}
	return nil
}

func probePIDNamespace() error {
	if _, err := os.Stat("/proc/self/ns/pid_for_children"); err != nil {
		return fmt.Errorf("this kernel has no pid namespaces (CONFIG_PID_NS): %w", err)
	}
	have, err := effective()
	if err == nil && have&(1<<unix.CAP_SYS_ADMIN) == 0 {
		err = errors.New("needs CAP_SYS_ADMIN: run as root, or in a user namespace")
	}
	return err
}
