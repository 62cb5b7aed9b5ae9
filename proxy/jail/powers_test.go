package jail

import (
	"os"
	"slices"
	"testing"
)

// The tests run as root of a user namespace at least, on a kernel that CI chose: what
// Probe says must agree with what else can be seen there.
func TestProbe(t *testing.T) {
	p := Probe()
	if p.Seccomp != nil {
		t.Errorf("seccomp: %v", p.Seccomp)
	}
	if p.PIDNamespace != nil {
		t.Errorf("pid namespace: %v", p.PIDNamespace)
	}
	if (p.UIDs == nil) != mayChangeUser(t) {
		t.Errorf("uids: %v, but may change user: %t", p.UIDs, mayChangeUser(t))
	}
	if (p.Landlock == nil) != (p.LandlockABI > 0) {
		t.Errorf("Landlock ABI %d, %v", p.LandlockABI, p.Landlock)
	}
	var names []string
	for _, power := range p.List() {
		names = append(names, power.Name)
		t.Logf("%+v", power)
	}
	if want := []string{"pid namespace", "capabilities", "uids", "landlock", "seccomp"}; !slices.Equal(names, want) {
		t.Errorf("powers %v, want %v", names, want)
	}
}

func TestPowersThatAreMissing(t *testing.T) {
	p := Powers{UIDs: os.ErrPermission, Seccomp: os.ErrInvalid, LandlockABI: 3}
	for _, power := range p.List() {
		if missing := power.Name == "uids" || power.Name == "seccomp"; missing != (power.Missing != "") {
			t.Errorf("%+v", power)
		}
	}
}
