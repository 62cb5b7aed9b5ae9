package web

import (
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
	r.Culprit = "a b/$(reboot)'"
	if got := quoted(r.Culprit); got != `'a b/$(reboot)'\'''` {
		t.Error(got)
	}
}
