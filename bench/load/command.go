package load

import (
	"encoding/json"
	"fmt"
)

// Start begins a load: request k of a flow is planned at At + Offset + k*Period.
type Start struct {
	At    int64  `json:"at"` // CLOCK_MONOTONIC, nanoseconds
	Flows []Flow `json:"flows"`
}

// Command is one line of Serve's input: exactly one of them is set. A second start stops
// the load before it first. Clock asks for an EventClock.
type Command struct {
	Start *Start `json:"start,omitempty"`
	Stop  bool   `json:"stop,omitempty"`
	Clock bool   `json:"clock,omitempty"`
}

// Encode is the command as one line, with its newline.
func (c Command) Encode() ([]byte, error) {
	b, err := json.Marshal(c)
	return append(b, '\n'), err
}

// ParseCommand reads one line; unknown keys, flows out of bounds and two flows
// with one id are refused.
func ParseCommand(b []byte) (Command, error) {
	var c Command
	if err := strict(b, &c); err != nil {
		return Command{}, fmt.Errorf("command: %w", err)
	}
	n := 0
	for _, set := range []bool{c.Start != nil, c.Stop, c.Clock} {
		if set {
			n++
		}
	}
	if n != 1 {
		return Command{}, fmt.Errorf("command: wants exactly one of start, stop and clock")
	}
	if c.Start == nil {
		return c, nil
	}
	if err := c.Start.validate(); err != nil {
		return Command{}, fmt.Errorf("command: start: %w", err)
	}
	return c, nil
}

func (s *Start) validate() error {
	if s.At < 0 {
		return fmt.Errorf("negative time")
	}
	if len(s.Flows) > maxFlows {
		return fmt.Errorf("%d flows, at most %d", len(s.Flows), maxFlows)
	}
	seen := make(map[int]bool, len(s.Flows))
	for _, f := range s.Flows {
		if err := f.Validate(); err != nil {
			return err
		}
		if seen[f.ID] {
			return fmt.Errorf("flow %d: given twice", f.ID)
		}
		seen[f.ID] = true
	}
	return nil
}
