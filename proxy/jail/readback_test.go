package jail

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSystemCallsAreThoseOfTheFilter(t *testing.T) {
	one, several := Spec{Caps: []string{"net_raw"}}, Spec{Caps: []string{"net_raw", "sys_admin"}}
	alone, group := one.SystemCalls(), several.SystemCalls()
	for _, number := range []int{unix.SYS_READ, unix.SYS_SOCKET, unix.SYS_SHUTDOWN} {
		if !slices.Contains(alone, number) {
			t.Errorf("call %d is missing", number)
		}
	}
	if slices.Contains(alone, unix.SYS_SETNS) || slices.Contains(alone, unix.SYS_PTRACE) {
		t.Error("a cell of one pod has setns, or ptrace")
	}
	if extra := slices.DeleteFunc(group, func(n int) bool { return slices.Contains(alone, n) }); !slices.Equal(extra, []int{unix.SYS_SETNS}) {
		t.Errorf("a cell of several pods has %v more than one of one pod, want setns", extra)
	}
}

func TestCapabilityNamesAreThoseOfSpecs(t *testing.T) {
	want := []string{"net_raw", "sys_admin"}
	mask, err := capabilityBits(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := CapabilityNames(mask); !slices.Equal(got, want) {
		t.Errorf("%v became %v", want, got)
	}
	if got := CapabilityNames(0); len(got) != 0 {
		t.Errorf("nothing became %v", got)
	}
}
