package keeper

import (
	"errors"
	"fmt"
	"strings"
)

// Choices are what owners chose for some pods: an isolation, or what a dead cell means.
type Choices[V ~string] struct {
	Namespaces map[string]V `json:"namespaces,omitempty"`
	Workloads  map[string]V `json:"workloads,omitempty"` // by namespace/name
}

// of is the choice for a pod, otherwise when there is none: the workload's comes before
// its namespace's.
func (c Choices[V]) of(p Pod, otherwise V) V {
	if v, ok := c.Workloads[p.Namespace+"/"+p.Name]; ok {
		return v
	}
	if v, ok := c.Namespaces[p.Namespace]; ok {
		return v
	}
	return otherwise
}

// validate checks the names, and each value by check; field is where the choices stand.
func (c Choices[V]) validate(field string, check func(field string, v V) error) error {
	var errs []error
	for name, v := range c.Namespaces {
		if name == "" || strings.Contains(name, "/") {
			errs = append(errs, fmt.Errorf("%s.namespaces: %q is no namespace", field, name))
		}
		errs = append(errs, check(field+".namespaces."+name, v))
	}
	for name, v := range c.Workloads {
		if ns, pod, ok := strings.Cut(name, "/"); !ok || ns == "" || pod == "" || strings.Contains(pod, "/") {
			errs = append(errs, fmt.Errorf("%s.workloads: %q: write namespace/name", field, name))
		}
		errs = append(errs, check(field+".workloads."+name, v))
	}
	return errors.Join(errs...)
}
