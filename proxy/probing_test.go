package proxy

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Whoever calls from the probes' address is on record, unless the call comes in.
func TestOnlyProbesLeaveNoRecord(t *testing.T) {
	from, other := netip.AddrPortFrom(redirect.Probe, 1), netip.MustParseAddrPort("10.0.0.1:1")
	for d, want := range map[telemetry.Direction]bool{telemetry.Outbound: false, telemetry.Inbound: true, telemetry.Plaintext: true} {
		if probing(d, from) != want {
			t.Errorf("%s from the probes' address: %v, want %v", d, !want, want)
		}
		if probing(d, other) {
			t.Errorf("%s from elsewhere is a probe", d)
		}
	}
}
