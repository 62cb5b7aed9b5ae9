package drill

import "github.com/bulkhead-mesh/bulkhead/bench/measure"

// followMachine reads the machine, unless the last reading is fresh.
func (t *turn) followMachine(now int64) {
	if n := len(t.machine); n == 0 || now-t.machine[n-1].T >= int64(measure.MachineEvery) {
		t.readMachine()
	}
}

// readMachine adds a reading of the machine to the segment that is under way. One that cannot
// be had is left out: it would be a remark in the table, and no drill ends for want of it.
func (t *turn) readMachine() {
	if m, err := t.lab.Machine(); err == nil {
		t.machine = append(t.machine, measure.Machine{T: m.At, CPUs: m.CPUs, Idle: int64(m.Idle), Waited: int64(m.Waited)})
	}
}
