package lab

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Of the machine's CPUs those count on which we may run: the others are no help.
func TestMachineIsOfOurCPUs(t *testing.T) {
	all, err := new(Lab).Machine()
	if err != nil || all.CPUs < 1 || all.CPUs > runtime.NumCPU() || all.Idle <= 0 || all.At <= 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	for i := 0; one.Count() == 0; i++ {
		if before.IsSet(i) {
			one.Set(i)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	got, err := new(Lab).Machine()
	if e := unix.SchedSetaffinity(0, &before); e != nil {
		t.Fatal(e)
	}
	if err != nil || got.CPUs != 1 {
		t.Errorf("on one CPU: %+v, %v; on all %+v", got, err, all)
	}
}
