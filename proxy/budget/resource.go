package budget

import "fmt"

// Resource is what a budget bounds. Its String is its name in records and metrics.
type Resource uint8

const (
	Connections Resource = iota
	NewConnections
	Tunnels
	Handshakes
	Dials
	Bytes
	Memory // of the whole cell: the greediest workload was shed
	count  // how many there are
)

var names = [count]string{"connections", "new-connections", "tunnels", "handshakes", "dials", "bytes", "memory"}

func (r Resource) String() string {
	if r >= count {
		return fmt.Sprintf("resource(%d)", uint8(r))
	}
	return names[r]
}

// Resources is all of them, in the order of Counts.
func Resources() []Resource {
	all := make([]Resource, count)
	for i := range all {
		all[i] = Resource(i)
	}
	return all
}

// Error is a connection, tunnel or stream that was over its workload's budget.
type Error struct {
	Resource Resource
	Limit    int // 0 for Memory
}

func (e *Error) Error() string {
	if e.Resource == Memory {
		return "budget: shed: the cell is short of memory and this workload uses the most"
	}
	return fmt.Sprintf("budget: this workload may use no more %s (limit %d)", e.Resource, e.Limit)
}

// Reason is the record's word for it.
func (e *Error) Reason() string {
	if e.Resource == Memory {
		return "shed"
	}
	return "budget-" + e.Resource.String()
}

// Counts is how often a workload was refused and made to wait, by resource, and what it
// uses now.
type Counts struct {
	Refused [count]uint64 `json:"refused"`
	Waited  [count]uint64 `json:"waited"`
	Used    [count]int64  `json:"used"` // of Connections, Tunnels, Dials and Bytes; of Memory: Weight
}

// Gauged are the resources of which there is a Used.
func Gauged() []Resource { return []Resource{Connections, Tunnels, Dials, Bytes, Memory} }

// Add returns the sum of both.
func (c Counts) Add(d Counts) Counts {
	for i := range count {
		c.Refused[i] += d.Refused[i]
		c.Waited[i] += d.Waited[i]
		c.Used[i] += d.Used[i]
	}
	return c
}

// Past is c without what is used now.
func (c Counts) Past() Counts {
	c.Used = [count]int64{}
	return c
}
