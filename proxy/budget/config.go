package budget

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Config is the `budgets:` of a node's or a sidecar's file: the word off, or limits
// for every workload with exceptions by workload.
type Config struct {
	Off bool
	Limits
	Workloads map[string]Limits // by UID
}

// block is Config as it is written when it is not off.
type block struct {
	Limits
	Workloads map[string]Limits `json:"workloads,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler, strictly. YAML 1.1 reads a bare off as
// the boolean, so false is off too.
func (c *Config) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"off"`, `false`:
		*c = Config{Off: true}
		return nil
	case `"on"`, `true`, `null`:
		*c = Config{}
		return nil
	}
	var k block
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return fmt.Errorf("budgets: say off, or a block of limits: %w", err)
	}
	*c = Config{Limits: k.Limits, Workloads: k.Workloads}
	return c.Validate()
}

// MarshalJSON implements json.Marshaler.
func (c Config) MarshalJSON() ([]byte, error) {
	if c.Off {
		return []byte(`"off"`), nil
	}
	return json.Marshal(block{c.Limits, c.Workloads})
}

// Validate checks all limits.
func (c Config) Validate() error {
	errs := []error{c.Limits.Validate()}
	for uid, l := range c.Workloads {
		if err := l.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("workload %s: %w", uid, err))
		}
	}
	slices.SortFunc(errs[1:], func(a, b error) int { return bytes.Compare([]byte(a.Error()), []byte(b.Error())) })
	return errors.Join(errs...)
}

// For is the budget of one workload, complete; nil when budgets are off.
func (c Config) For(uid string) *Limits {
	if c.Off {
		return nil
	}
	l := c.Workloads[uid].Over(c.Limits).Over(Defaults)
	return &l
}
