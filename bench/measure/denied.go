package measure

import "github.com/bulkhead-mesh/bulkhead/bench/load"

// Denials is what the flows tried in a segment that a policy forbids, before and
// after the fault and in void bins too: there is no moment in which one may pass.
type Denials struct {
	Tried    int `json:"tried"`
	Admitted int `json:"admitted"` // of them, answered by the application: violations of I2
}

func (d *Denials) add(s *strip) {
	for _, records := range [][]load.Record{s.baseline, s.observed} {
		for _, r := range records {
			d.Tried++
			if r.Error == "" || r.Error == load.Wrong { // somebody answered
				d.Admitted++
			}
		}
	}
}

// leaves says whether the server of a flow is out of the mesh for a part of a segment: that of
// a rollback, under which nothing protects it. What was tried then shows nothing.
func (r *Run) leaves(seg *Segment, f *Flow) bool {
	return seg.Kind == "rollback" && f.Server == r.Culprit
}
