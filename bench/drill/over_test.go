package drill

import (
	"slices"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

func TestOverEachTransport(t *testing.T) {
	kubelet := lab.Kubelet(0.1)
	none, _ := lab.SubjectOf(lab.None, kubelet)
	for _, c := range []struct{ transports, want []string }{
		{[]string{"http2"}, []string{"none", "workload"}},
		{[]string{"quic"}, []string{"none", "workload over QUIC"}},
		{[]string{"http2", "quic"}, []string{"none", "workload", "workload over QUIC"}},
	} {
		all, err := Over(c.transports, []lab.Subject{none, lab.NodeSubject(lab.PerWorkload, kubelet)})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%q: %q, want %q", c.transports, names, c.want)
		}
		if last := all[len(all)-1]; (last.Transport == lab.OverQUIC) != slices.Contains(c.transports, "quic") {
			t.Errorf("%q: %+v", c.transports, last)
		}
	}
	for _, wrong := range [][]string{{"sctp"}, {"quic", "quic"}} {
		if _, err := Over(wrong, []lab.Subject{none}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
