package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

func TestCommandRepeatsTheRun(t *testing.T) {
	r := story.Told(3).Run
	want := "bulkhead drill run crash --isolation sidecar,workload,shared --culprit tenant-a/checkout --seed 7 --restart kubelet --time-scale 0.1 --repeat 3"
	if got := command(r); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	n := 0
	for i := range r.Flows {
		f := &r.Flows[i]
		if f.Period = int64(500 * time.Millisecond); f.Kind == "new" {
			f.Period = 14 * int64(time.Second) / 300
		} else if !f.Sentinel {
			n++
		}
	}
	if got := command(r); got != want+" --long 14 --new 300" || n != 14 {
		t.Errorf("%s", got)
	}
	r.Subjects[1].Transport = "quic"
	if got := command(r); !strings.HasSuffix(got, " --transport http2,quic --long 14 --new 300") {
		t.Errorf("%s", got)
	}
	r.Culprit = "a b/$(reboot)'"
	if got := quoted(r.Culprit); got != `'a b/$(reboot)'\'''` {
		t.Error(got)
	}
}

// An experiment that flags cannot say is repeated from the file beside its record.
func TestCommandOfAnOwnExperiment(t *testing.T) {
	d := read(t, story.Told(1))
	d.Name, d.About.Title, d.File = "our-cluster", "breaks what we run", "experiment.yaml"
	r := Records{Drills: []Drill{d}}
	want := fmt.Sprintf("bulkhead drill run experiment.yaml  # in the directory of the record %q, wherever it lies", d.Run.ID)
	if got := commands(r); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	var page strings.Builder
	if err := Page(&page, r); err != nil || !strings.Contains(page.String(), "breaks what we run") || !strings.Contains(page.String(), "our-cluster: how far does it reach?") {
		t.Errorf("%v: the page has neither name nor title", err)
	}
}
