package jail

import (
	"slices"
)

// SystemCalls are the numbers of the system calls that the filter of this jail lets
// pass, ascending; some of them by argument only. The filter itself cannot be read back
// from a process without CAP_SYS_ADMIN on the machine (PTRACE_SECCOMP_GET_FILTER), which
// a container has not.
func (s Spec) SystemCalls() []int {
	var numbers []int
	for _, c := range s.calls(1) { // the pid is only compared with arguments
		numbers = append(numbers, int(c.number))
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// CapabilityNames are the capabilities of a mask as in /proc/PID/status, spelled as in
// Spec.Caps, by name. Bits that have no name yet are left out.
func CapabilityNames(mask uint64) []string {
	names := []string{}
	for name, bit := range capabilities {
		if mask&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
