package lab

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// Throttle cuts the CPU quota of what serves a pod to a share of what it is, and says how
// it was cut; restore gives back what there was. Without cgroups, or without a quota,
// the error is cgroup.ErrNotEnforceable.
func (l *Lab) Throttle(pod string, share float64) (note string, restore func() error, err error) {
	procs, err := l.DataPlane(pod)
	if err != nil {
		return "", nil, err
	}
	var notes []string
	var back []func() error
	restore = func() error {
		var errs []error
		for _, b := range back {
			errs = append(errs, b())
		}
		return at("throttle", pod, errors.Join(errs...))
	}
	for _, p := range procs {
		group, had, err := l.quota(p)
		if err == nil {
			err = group.SetCPU(had * share)
		}
		if err != nil {
			return "", nil, errors.Join(at("throttle", p.Name, err), restore())
		}
		back = append(back, func() error { return group.SetCPU(had) })
		notes = append(notes, fmt.Sprintf("CPU quota of %s (pid %d) cut from %.3g cores to %.3g", p.Name, p.PID, had, had*share))
	}
	return strings.Join(notes, ", "), restore, nil
}

// quota is the group of a process and its CPU quota in cores.
func (l *Lab) quota(p Proc) (*cgroup.Group, float64, error) {
	group, err := l.groups.holding(p.PID, "cpu")
	if err != nil {
		return nil, 0, err
	}
	if group == nil {
		return nil, 0, fmt.Errorf("%w: %s has no cgroup of its own", cgroup.ErrNotEnforceable, p.Name)
	}
	cores, err := group.CPULimit()
	if err == nil && cores == 0 {
		err = fmt.Errorf("%w: %s has no CPU quota", cgroup.ErrNotEnforceable, p.Name)
	}
	return group, cores, err
}
