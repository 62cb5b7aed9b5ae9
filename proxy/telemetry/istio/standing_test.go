package istio_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
)

func TestStandingAsMetrics(t *testing.T) {
	for want, s := range map[string]mesh.Standing{
		"heard{server=\"unix:///a\"} 1, refused 0": {Server: "unix:///a"},
		"heard{server=\"unix:///a\"} 0, refused 0": {Server: "unix:///a", Error: "gone"},
		"heard{server=\"b:1\"} 1, refused 1":       {Server: "b:1", Refused: "p: it is bad"},
		"refused 0":                                {Error: "nothing was heard yet"},
	} {
		var text strings.Builder
		text.WriteString("# HELP bulkhead_discovery_refused 1 while something of the newest mesh is refused (NACK), and an earlier form or nothing of it is in force.\n# TYPE bulkhead_discovery_refused gauge\n")
		if strings.HasPrefix(want, "heard") {
			text.WriteString("# HELP bulkhead_discovery_heard 1 while the replica of control that was heard last is heard, 0 when it is not.\n# TYPE bulkhead_discovery_heard gauge\n")
		}
		for _, line := range strings.Split(want, ", ") {
			text.WriteString("bulkhead_discovery_" + line + "\n")
		}
		c := istio.Standing(func() mesh.Standing { return s })
		if err := testutil.CollectAndCompare(c, strings.NewReader(text.String())); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	}
}

// What Istio's dashboards show of discovery, by ztunnel's names.
func TestTrafficAsMetrics(t *testing.T) {
	c := istio.Standing(func() mesh.Standing {
		return mesh.Standing{Messages: map[string]uint64{"a": 2}, Bytes: map[string]uint64{"a": 30}, Ended: map[string]uint64{"Reconnect": 4}}
	})
	want := `# HELP istio_xds_connection_terminations_total Streams to control that ended: ConnectionError (it never answered), Error, Reconnect (lost) or Complete (ended by control).
# TYPE istio_xds_connection_terminations_total counter
istio_xds_connection_terminations_total{reason="Reconnect"} 4
# HELP istio_xds_message_bytes_total Bytes of the resources in the responses of control, by type.
# TYPE istio_xds_message_bytes_total counter
istio_xds_message_bytes_total{url="a"} 30
# HELP istio_xds_message_total Responses of control, by type.
# TYPE istio_xds_message_total counter
istio_xds_message_total{url="a"} 2
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "istio_xds_connection_terminations_total", "istio_xds_message_bytes_total", "istio_xds_message_total"); err != nil {
		t.Error(err)
	}
}
