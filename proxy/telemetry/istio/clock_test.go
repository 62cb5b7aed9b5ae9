package istio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
)

func TestClockAsMetrics(t *testing.T) {
	for _, want := range []identity.Dates{{}, {Refused: 3, Ahead: 90 * time.Second}, {Refused: 4, Ahead: -time.Hour}, {Refused: 4}} {
		c := istio.Clock(func() identity.Dates { return want })
		for name, v := range map[string]float64{"bulkhead_svid_dated_elsewhere_total": float64(want.Refused), "bulkhead_ca_clock_ahead_seconds": want.Ahead.Seconds()} {
			text, err := testutil.CollectAndFormat(c, expfmt.TypeTextPlain, name)
			if line := fmt.Sprintf("\n%s %v\n", name, v); err != nil || !strings.Contains(string(text), line) {
				t.Errorf("%+v: no line %q in %s, %v", want, line, text, err)
			}
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	}
}
