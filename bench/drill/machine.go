package drill

import "github.com/bulkhead-mesh/bulkhead/bench/measure"

// readMachine adds a reading of the machine to the segment that is under way, unless the
// last one is fresh.
func (t *turn) readMachine(now int64) error {
	if n := len(t.machine); n > 0 && now-t.machine[n-1].T < int64(measure.MachineEvery) {
		return nil
	}
	m, err := t.lab.Machine()
	if err != nil {
		return err
	}
	t.machine = append(t.machine, measure.Machine{T: m.At, Idle: int64(m.Idle), Waited: int64(m.Waited)})
	return nil
}
