package mesh

// Change is what a feed has to say at once. Its methods take only what is valid, so
// that With cannot fail. The zero value changes nothing.
type Change struct {
	workloads map[string]*Workload      // by UID; nil: gone
	services  map[string]*Service       // by key
	policies  map[string]*indexedPolicy // by key
	rejected  map[string]*Service       // addresses alone, by the name of whose they are
	unread    map[string]*indexedPolicy // names alone, by key
}

// defaultTrustDomain is that of a workload over xDS that names none.
const defaultTrustDomain = "cluster.local"

// SetWorkload adds or replaces a workload.
func (c *Change) SetWorkload(w Workload) error {
	if err := w.complete(defaultTrustDomain); err != nil {
		return err
	}
	put(&c.workloads, w.UID, &w)
	delete(c.rejected, w.UID)
	return nil
}

// SetService adds or replaces a service. Its endpoints are the workloads that name it.
func (c *Change) SetService(v Service) error {
	if err := v.validate(); err != nil {
		return err
	}
	put(&c.services, v.Key(), &v)
	delete(c.rejected, v.Key())
	return nil
}

// SetPolicy adds or replaces a policy. Of scope workload, it applies to those that name it.
func (c *Change) SetPolicy(p Policy) error {
	x, err := indexed(p)
	if err != nil {
		return err
	}
	put(&c.policies, p.Key(), x)
	delete(c.unread, p.Key())
	return nil
}

// RemoveWorkload says that a workload is gone, if it was there.
func (c *Change) RemoveWorkload(uid string) {
	put(&c.workloads, uid, nil)
	delete(c.rejected, uid)
}

// RemoveService says that a service is gone, if it was there.
func (c *Change) RemoveService(key string) {
	put(&c.services, key, nil)
	delete(c.rejected, key)
}

// RemovePolicy says that a policy is gone, if it was there.
func (c *Change) RemovePolicy(key string) {
	put(&c.policies, key, nil)
	delete(c.unread, key)
}

func put[V any](m *map[string]*V, k string, v *V) {
	if *m == nil {
		*m = map[string]*V{}
	}
	(*m)[k] = v
}
