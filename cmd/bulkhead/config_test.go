package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// Every part has a table with the facts, and JSON that begins as a list of nodes.
func TestConfigPartsAreShown(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	end := now.Add(time.Hour)
	at := netip.MustParseAddrPort("10.0.0.1:8080")
	d := admin.Dump{
		Config:       map[string]any{"node": "n1"},
		Workloads:    []admin.DumpWorkload{{Namespace: "a", Name: "web", WorkloadIPs: []netip.Addr{at.Addr()}, Protocol: "HBONE", Status: "Healthy"}},
		Services:     []admin.DumpService{{Namespace: "a", Name: "shop", VIPs: []string{"/10.1.0.1"}, Ports: map[uint16]uint16{80: 8080}, Endpoints: map[string]admin.DumpEndpoint{"a/web": {}}}},
		Policies:     []admin.DumpPolicy{{Name: "p", Action: "Deny", Scope: "Global", DryRun: true, Rules: [][][]admin.DumpMatch{{}}}},
		Certificates: []admin.DumpCertificate{{Identity: "spiffe://td/ns/a/sa/web", Cell: "shared", State: "Available", Until: &end}},
		State: map[string]admin.DumpState{
			"a/web": {Connections: admin.DumpConnections{Inbound: []admin.DumpConnection{{Source: at, Destination: at, Actual: at, Protocol: "HBONE"}}}},
			"a/mum": {Connections: admin.DumpConnections{Error: "process 7 does not say"}},
		},
	}
	for part, want := range map[string][]string{
		"workloads":    {"n1 a web 10.0.0.1 - HBONE Healthy"},
		"services":     {"n1 a shop /10.1.0.1 80→8080 1"},
		"policies":     {"n1 - p Deny (dry run) Global 1"},
		"certificates": {"n1 spiffe://td/ns/a/sa/web shared Available 1h0m0s -"},
		"connections":  {"n1 a/web inbound 10.0.0.1:8080 10.0.0.1:8080 10.0.0.1:8080 HBONE", "n1 a/mum process 7 does not say"},
		"all":          {`"workloadIps": [`, `"node": "n1"`},
	} {
		for _, p := range configParts {
			if p.name != part {
				continue
			}
			var b, j bytes.Buffer
			if err := p.write(&b, []admin.Dump{d}, false, now); err != nil {
				t.Fatal(err)
			}
			lines := ""
			for l := range strings.Lines(b.String()) {
				lines += strings.Join(strings.Fields(l), " ") + "\n"
			}
			for _, w := range want {
				if !strings.Contains(lines, w+"\n") {
					t.Errorf("%s: no %q in\n%s", part, w, lines)
				}
			}
			if err := p.write(&j, []admin.Dump{d}, true, now); err != nil || !strings.HasPrefix(j.String(), "[\n") {
				t.Errorf("%s: %v, %s", part, err, j.String())
			}
		}
	}
}

func TestConfigOfNoSuchPart(t *testing.T) {
	if code := run([]string{"config", "secrets", "--admin", "/nowhere"}); code != exitMisuse {
		t.Errorf("exit %d", code)
	}
}
