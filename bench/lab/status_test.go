package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatusTable(t *testing.T) {
	d := Default()
	web, _ := d.Pod("tenant-a/web")
	checkout, _ := d.Pod("tenant-a/checkout")
	db, _ := d.WithoutIPv6().Pod("tenant-b/db")
	pod := func(p Pod, captured bool, serving ...Proc) PodStatus {
		return PodStatus{Name: p.Name(), Node: p.Node, Addresses: p.Addresses(), Captured: captured, Serving: serving}
	}
	broken := pod(db, true)
	broken.Problem = "no answer"
	s := Status{Subject: "shared (as ztunnel)", Isolation: Shared, Pods: []PodStatus{
		pod(web, true, Proc{Name: "node-3 shared", PID: 42}),
		pod(checkout, true),
		broken,
		pod(d.Sentinels[0], false),
	}}
	const want = `isolation: shared (as ztunnel)

POD                NODE    ADDRESSES                  ISOLATION  SERVED BY
tenant-a/web       node-3  10.244.3.2, fd00:244:3::2  shared     node-3 shared (pid 42)
tenant-a/checkout  node-1  10.244.1.2, fd00:244:1::2  shared     nothing at this moment
tenant-b/db        node-1  10.244.1.4                 shared     unknown: no answer
sentinel/a         node-1  10.244.1.6, fd00:244:1::6  none       -
`
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
