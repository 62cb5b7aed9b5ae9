package lab

import (
	"context"
	"net/netip"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Vacancy is the service in front of the first server that a pod asks, which pushes of the
// mesh leave without an endpoint.
type Vacancy struct {
	lab     *Lab
	from    string
	service Service
}

// NewVacancy changes nothing yet.
func (l *Lab) NewVacancy(pod string) (*Vacancy, error) {
	i := slices.IndexFunc(l.topology.Edges, func(e Edge) bool { return e.From == pod })
	if i < 0 {
		return nil, &NobodyAskedError{pod}
	}
	to := l.topology.Edges[i].To
	i = slices.IndexFunc(l.topology.Services, func(s Service) bool { return s.Pod == to })
	if i < 0 {
		return nil, &NobodyAskedError{pod}
	}
	return &Vacancy{l, pod, l.topology.Services[i]}, nil
}

func (v *Vacancy) String() string { return v.from + " to the service " + v.service.Hostname() }

// Push leaves the service without an endpoint.
func (v *Vacancy) Push() error {
	_, err := v.lab.ChangeMesh(func(f *mesh.File) {
		for i, s := range f.Services {
			if s.Name == v.service.Name && s.Namespace == v.service.Namespace {
				f.Services[i].Endpoints = nil
			}
		}
	})
	return err
}

// Try asks the service, over a connection of its own, and says whether that was answered.
func (v *Vacancy) Try(ctx context.Context) (answered bool, err error) {
	return v.lab.ask(ctx, v.from, netip.AddrPortFrom(v.service.IPv4, LoadPort))
}

// Lift gives the endpoint back.
func (v *Vacancy) Lift() error { return v.lab.LiftPush() }
