package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// No fault is predicted to reach beyond the flows of what was struck; those that end
// the process must reach them, the others may.
func TestForetell(t *testing.T) {
	for _, f := range fault.All() {
		for _, isolation := range []string{lab.None, lab.Sidecar, lab.PerWorkload, lab.Shared} {
			subjects, err := Subjects([]string{isolation}, measure.Restart{Mode: RestartKubelet, TimeScale: 0.1})
			if err != nil {
				t.Fatal(err)
			}
			run := plan(Params{Fault: f, Subjects: subjects, Culprit: "tenant-a/checkout", Times: DefaultTimes()}, lab.Default(), "x", time.Now())
			crash, got := Predict(run, subjects[0]), foretell(run, subjects[0], f)
			all := slices.Concat(crash.Must, crash.Waiting)
			if mine := slices.Concat(got.Must, got.Waiting); !slices.Equal(mine, all) {
				t.Errorf("%s, %s: flows %v, want %v", f.Name(), isolation, mine, all)
			}
			lives := slices.Contains([]string{"cpu-hog", "fd-leak", "hang"}, f.Name())
			if lives && (len(got.Must) > 0 || got.Absence != 0) {
				t.Errorf("%s, %s: a process that lives must hit nobody: %+v", f.Name(), isolation, got)
			}
			if !lives && len(got.Must) != len(crash.Must) {
				t.Errorf("%s, %s: must hit %v, want %v", f.Name(), isolation, got.Must, crash.Must)
			}
		}
	}
}
