package wds

import (
	"cmp"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// The types of resources, as xDS names them.
const (
	AddressType = "type.googleapis.com/istio.workload.Address"
	PolicyType  = "type.googleapis.com/istio.security.Authorization"
)

// Batch is a change that is made of resources. The zero value is empty.
type Batch struct {
	Change mesh.Change
	words  map[string]string
}

// ErrLost is of a resource of which nothing could be kept: not even to whom it matters.
var ErrLost = errors.New("nothing of it can be kept")

// Add takes one resource, by its name in xDS. Of one that cannot be used it keeps whom it
// is about, so that they are refused: see [mesh.Change.RejectAddresses] and RejectPolicy.
func (b *Batch) Add(typ, name string, value []byte) error {
	switch typ {
	case AddressType:
		return b.address(name, value)
	case PolicyType:
		return b.policy(name, value)
	}
	return fmt.Errorf("type %s is not of this mesh", typ)
}

// Remove takes the name of a resource that is gone.
func (b *Batch) Remove(typ, name string) {
	switch typ {
	case AddressType: // the name says not which of the two it is; only one of them is there
		b.Change.RemoveWorkload(name)
		b.Change.RemoveService(name)
	case PolicyType:
		b.Change.RemovePolicy(name)
	}
}

func (b *Batch) address(name string, value []byte) error {
	var m workloadapi.Address
	if err := proto.Unmarshal(value, &m); err != nil {
		return errors.Join(err, ErrLost)
	}
	switch t := m.Type.(type) {
	case *workloadapi.Address_Workload:
		w, err := b.workload(t.Workload)
		err = cmp.Or(err, sameName(name, t.Workload.GetUid()))
		if err == nil {
			err = b.Change.SetWorkload(w)
		}
		if err != nil {
			b.rejectWorkload(name, t.Workload)
			return err
		}
		b.Change.RemoveService(name) // the type is the same for both: what had the name before is not there any more
		return nil
	case *workloadapi.Address_Service:
		v, err := b.service(t.Service)
		err = cmp.Or(err, sameName(name, v.Key()))
		if err == nil {
			err = b.Change.SetService(v)
		}
		if err != nil {
			b.rejectService(name, t.Service)
			return err
		}
		b.Change.RemoveWorkload(name)
		return nil
	}
	return fmt.Errorf("an address that is neither a workload nor a service: %w", ErrLost)
}

func (b *Batch) policy(name string, value []byte) error {
	var m security.Authorization
	if err := proto.Unmarshal(value, &m); err != nil {
		b.rejectPolicy(name, nil)
		return err
	}
	p, err := b.authorization(&m)
	err = cmp.Or(err, sameName(name, p.Key()))
	if err == nil {
		err = b.Change.SetPolicy(p)
	}
	if err != nil {
		b.rejectPolicy(name, &m)
	}
	return err
}

// sameName: a resource is removed by the name that it came under.
func sameName(name, content string) error {
	if name != content {
		return fmt.Errorf("its content is that of %q", content)
	}
	return nil
}

// word is s, once for all resources of the batch: a mesh has few names of nodes,
// namespaces and accounts, and 100,000 workloads that each would keep its own copy.
func (b *Batch) word(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := b.words[s]; ok {
		return known
	}
	if b.words == nil {
		b.words = map[string]string{}
	}
	b.words[s] = s
	return s
}
