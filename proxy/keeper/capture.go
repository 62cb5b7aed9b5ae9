package keeper

import (
	"fmt"
	"sync"

	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// capture is a pod's rules: changes of one namespace must not overlap.
type capture struct {
	mu   sync.Mutex
	plan rules.Plan
}

// repair sees to it that the rules are what they should be: when the pod is added,
// and when a new keeper finds that something changed them meanwhile. drift is what was
// wrong before. Under custody: cell the first time is after its cell serves: before,
// nobody listened.
func (c *capture) repair(p *pod) (drift, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if drift = rules.Verify(p.netns, c.plan); drift == nil {
		return nil, nil
	}
	if err := rules.Recapture(p.netns, c.plan); err != nil {
		return drift, fmt.Errorf("capture of %s: %w", p.UID, err)
	}
	return drift, rules.Verify(p.netns, c.plan)
}

// drift is what is wrong with the rules now; nil: nothing.
func (c *capture) drift(p *pod) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return rules.Verify(p.netns, c.plan)
}

// follows says whether the rules are those of a plan.
func (c *capture) follows(plan rules.Plan) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan == plan
}

// change has new connections go elsewhere.
func (c *capture) change(p *pod, plan rules.Plan) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := rules.Install(p.netns, plan)
	if err == nil {
		c.plan = plan
	}
	return err
}
