package mesh

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// composition is what all files say together, while it is checked and brought into one.
type composition struct {
	change      Change
	trustDomain said // who named it
	workloads   []member
	byUID       map[string]int // index of workloads
	owners      map[netip.Addr]int
	services    map[string]place // by key
	policies    map[string]place // by key
}

// member is a workload, and what others say of it.
type member struct {
	place
	*writtenWorkload
	belongings
}

// compose checks what only those who write files can mend, and makes of it all that there is.
// What is written as it was is the same pointer in it: who compares need not look into it.
func compose(all []said) (Change, error) {
	n := 0
	for _, s := range all {
		n += len(s.workloads)
	}
	c := &composition{
		workloads: make([]member, 0, n), byUID: make(map[string]int, n), owners: make(map[netip.Addr]int, n),
		services: map[string]place{}, policies: map[string]place{},
	}
	c.change.workloads = make(map[string]*Workload, n)
	for _, step := range []func([]said) error{c.addWorkloads, c.checkNames, c.authenticate, c.addServices, c.addPolicies} {
		if err := step(all); err != nil {
			return Change{}, err
		}
	}
	return c.change, c.finish()
}

func (c *composition) addWorkloads(all []said) error {
	for _, s := range all {
		if s.trustDomain != "" {
			if c.trustDomain.written != nil && c.trustDomain.trustDomain != s.trustDomain {
				return s.says("trustDomain "+s.trustDomain, fmt.Errorf("%s says %s: a mesh has one", c.trustDomain.place, c.trustDomain.trustDomain))
			}
			c.trustDomain = s
		}
		for _, w := range s.workloads {
			if err := c.addWorkload(member{place: s.place, writtenWorkload: w}); err != nil {
				return s.says(fmt.Sprintf("workload %q", w.raw.UID), err)
			}
		}
	}
	return nil
}

func (c *composition) addWorkload(m member) error {
	if len(m.raw.Addresses) == 0 {
		return errors.New("at least one address is required")
	}
	if i, dup := c.byUID[m.raw.UID]; dup {
		return twice("uid", c.workloads[i].place)
	}
	i := len(c.workloads)
	c.byUID[m.raw.UID] = i
	c.workloads = append(c.workloads, m)
	if m.raw.HostNetwork { // its node's addresses, which others may have too
		return nil
	}
	for _, a := range m.raw.Addresses {
		if other, dup := c.owners[a]; dup {
			return fmt.Errorf("address %s belongs to %s already%s", a, c.workloads[other].raw.UID, placed(c.workloads[other].place))
		}
		c.owners[a] = i
	}
	return nil
}

// twice is of what may be in a mesh once.
func twice(what string, first place) error {
	return fmt.Errorf("%s appears twice%s", what, placed(first))
}

func placed(first place) string {
	if first == (place{}) {
		return ""
	}
	return ", first at " + first.String()
}

// checkNames wants the policies that workloads name. Only over xDS can they arrive later.
func (c *composition) checkNames(all []said) error {
	known := map[string]bool{}
	for _, s := range all {
		for _, p := range s.policies {
			known[p.raw.Key()] = true
		}
	}
	for _, m := range c.workloads {
		for _, key := range m.raw.Policies {
			if !known[key] {
				return m.says(fmt.Sprintf("workload %q", m.raw.UID), fmt.Errorf("it names the policy %q, which this mesh does not have", key))
			}
		}
	}
	return nil
}

// authenticate turns the peer authentications into policies, and has the workloads that they
// concern name those.
func (c *composition) authenticate(all []said) error {
	modes := newModes()
	for _, s := range all {
		for i := range s.peers {
			if err := modes.add(&authentication{s.place, &s.peers[i]}); err != nil {
				return s.says(fmt.Sprintf("peerAuthentications %q", s.peers[i].Name), err)
			}
		}
	}
	if modes.none() {
		return nil
	}
	if err := modes.check(c.namespace); err != nil {
		return err
	}
	for i := range c.workloads {
		m := &c.workloads[i]
		p, at, ok := modes.of(m.raw)
		if !ok {
			continue
		}
		m.belongings.policies = append(m.belongings.policies, p.Key())
		if c.change.policies[p.Key()] == nil {
			if err := c.change.SetPolicy(p); err != nil {
				return m.says(fmt.Sprintf("policy %q", p.Key()), err)
			}
			c.policies[p.Key()] = at // of several the first that has need of it
		}
	}
	return nil
}

// namespace is that of a workload; empty when there is none of that UID.
func (c *composition) namespace(uid string) string {
	if i, ok := c.byUID[uid]; ok {
		return c.workloads[i].raw.Namespace
	}
	return ""
}

func (c *composition) addServices(all []said) error {
	for _, s := range all {
		for _, v := range s.services {
			if err := c.addService(v, s.place); err != nil {
				return s.says(fmt.Sprintf("service %q", v.raw.Name), err)
			}
		}
	}
	return nil
}

func (c *composition) addService(v *writtenService, at place) error {
	key := v.raw.Key()
	for _, uid := range v.raw.Endpoints {
		i, ok := c.byUID[uid]
		if !ok {
			return fmt.Errorf("endpoint %q is no workload of this mesh", uid)
		}
		if _, named := c.workloads[i].raw.Services[key]; !named {
			c.workloads[i].belongings.services = append(c.workloads[i].belongings.services, key)
		}
	}
	for _, a := range v.raw.Addresses { // another service may have it, too: see preferred
		if i, dup := c.owners[a]; dup {
			return fmt.Errorf("address %s is in use already, by %s%s", a, c.workloads[i].raw.UID, placed(c.workloads[i].place))
		}
	}
	if first, dup := c.services[key]; dup {
		return twice(key, first)
	}
	if i, dup := c.byUID[key]; dup { // over xDS the two are resources of one type, by name
		return fmt.Errorf("%s is the UID of a workload as well%s: give one of them another name", key, placed(c.workloads[i].place))
	}
	c.services[key] = at
	made, err := v.make()
	if err == nil {
		put(&c.change.services, key, made)
	}
	return err
}

func (c *composition) addPolicies(all []said) error {
	for _, s := range all {
		for _, p := range s.policies {
			if err := c.addPolicy(p, s.place); err != nil {
				return s.says(fmt.Sprintf("policy %q", p.raw.Name), err)
			}
		}
	}
	return nil
}

func (c *composition) addPolicy(p *writtenPolicy, at place) error {
	key := p.raw.Key()
	for _, uid := range p.raw.Workloads {
		i, ok := c.byUID[uid]
		if !ok {
			return fmt.Errorf("%q is no workload of this mesh", uid)
		}
		if m := &c.workloads[i]; p.raw.Scope == ScopeWorkload && !slices.Contains(m.raw.Policies, key) && !slices.Contains(m.belongings.policies, key) {
			m.belongings.policies = append(m.belongings.policies, key)
		}
	}
	if c.change.policies[key] != nil {
		return twice(key, c.policies[key])
	}
	c.policies[key] = at
	made, err := p.make()
	if err == nil {
		put(&c.change.policies, key, made)
	}
	return err
}

// finish makes the workloads, when all is said of them.
func (c *composition) finish() error {
	domain := ""
	if c.trustDomain.written != nil {
		domain = c.trustDomain.trustDomain
	}
	for i := range c.workloads {
		m := &c.workloads[i]
		m.trustDomain = domain
		made, err := m.make(m.belongings)
		if err != nil {
			return m.says(fmt.Sprintf("workload %q", m.raw.UID), err)
		}
		c.change.workloads[made.UID] = made
	}
	return nil
}
