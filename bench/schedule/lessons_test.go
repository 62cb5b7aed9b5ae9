package schedule

import (
	"path/filepath"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
)

// Who follows a lesson runs its file as it is.
func TestLessonsCanBeRun(t *testing.T) {
	files, err := filepath.Glob("../../docs/lessons/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d lessons: %v", len(files), err)
	}
	for _, file := range files {
		e, err := experiment.Read(file)
		if err == nil {
			err = Check(e)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
