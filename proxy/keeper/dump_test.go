package keeper

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Conformance 111: the state can be asked for, in the shape of ztunnel's dump, whole and in its words.
func TestTheMeshIsDumpedInZtunnelsWords(t *testing.T) {
	s, err := mesh.Parse([]byte(`
trustDomain: td
workloads:
- {uid: w, name: w, namespace: a, serviceAccount: s, node: n1, addresses: [10.0.0.1], protocol: HBONE, unhealthy: true, capacity: 3,
   controller: dep, kind: deployment, services: {a/unknown.example: [{port: 80, target: 81}]}}
services:
- {name: v, namespace: a, network: net, addresses: [10.1.0.1], prefixes: [10.2.0.0/16], ports: [{port: 80, target: 8080}], endpoints: [w], loadBalancing: {prefer: [region], mode: failover}}
policies:
- {name: p, namespace: a, scope: workload, workloads: [w], action: DENY, rules: [{principals: ["td/ns/b/*"], ports: [80], clauses: [[{serviceAccounts: [{namespace: c, name: d}]}]]}]}
`), 1)
	if err != nil {
		t.Fatal(err)
	}
	services, staged := dumpServices(s)
	got, err := json.Marshal(map[string]any{"workloads": dumpWorkloads(s), "services": services, "staged": staged, "policies": dumpPolicies(s)})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"policies":[{"name":"p","namespace":"a","scope":"WorkloadSelector","action":"Deny","rules":[[[{"principals":["td/ns/b/*"],"destinationPorts":[80]}],[{"serviceAccounts":["c/d"]}]]]}],` +
		`"services":[{"name":"v","namespace":"a","hostname":"v.a.svc.cluster.local","vips":["net/10.1.0.1","net/10.2.0.0/16"],"ports":{"80":8080},` +
		`"endpoints":{"w":{"workloadUid":"w","port":{},"status":"Unhealthy"}},"loadBalancer":{"routingPreferences":["region"],"mode":"failover","healthPolicy":"OnlyHealthy"}}],` +
		`"staged":{"a/unknown.example":{"w":{"workloadUid":"w","port":{"80":81},"status":"Unhealthy"}}},` +
		`"workloads":[{"uid":"w","name":"w","namespace":"a","serviceAccount":"s","trustDomain":"td","workloadIps":["10.0.0.1"],"protocol":"HBONE","networkMode":"Standard","node":"n1",` +
		`"clusterId":"Kubernetes","status":"Unhealthy","capacity":3,"workloadName":"dep","workloadType":"deployment","authorizationPolicies":["a/p"],"services":["a/unknown.example","a/v.a.svc.cluster.local"]}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w, v := dumpWorkloads(nil), dumpPolicies(nil); w == nil || len(w) > 0 || v == nil || len(v) > 0 {
		t.Errorf("without a mesh: %v, %v; want empty lists", w, v)
	}
}

// Conformance 95: a pod's state is Up with its open connections, and gone with the pod.
//
// The dump has the certificates of the cell, and no private key and no token.
func TestConfigDump(t *testing.T) {
	eachTransport(t, "isolation: shared", func(t *testing.T, n *node) {
		n.hold(t)
		eventually(t, "the state is that of one open connection", func() error { // others may have to be forgotten yet
			dump, text := n.dump(t)
			client, server := dump.State["a/client"], dump.State["a/server"]
			if len(dump.Workloads) != 2 || len(dump.State) != 2 || dump.Version.GoVersion == "" ||
				client.State != "Up" || client.Info.Name != "client" || client.Cell != "shared" ||
				len(client.Connections.Outbound) != 1 || client.Connections.Outbound[0].Protocol != "HBONE" || len(server.Connections.Inbound) != 1 {
				return errors.New(text)
			}
			return nil
		})
		n.wantCertificates(t)
		if err := n.call(t, "DELETE", "/pods?uid=a/client", nil, nil); err != nil {
			t.Fatal(err)
		}
		if dump, text := n.dump(t); len(dump.State) != 1 || len(dump.Certificates) != 1 || dump.Certificates[0].Identity != "spiffe://cluster.local/ns/a/sa/server" {
			t.Errorf("after the pod has gone: %s", text)
		}
	})
}

// wantCertificates finds those of both pods in the dump, and no secret.
func (n *node) wantCertificates(t *testing.T) {
	t.Helper()
	dump, text := n.dump(t)
	if len(dump.Certificates) != 2 {
		t.Fatalf("%d certificates: %s", len(dump.Certificates), text)
	}
	if !strings.Contains(strings.Join(strings.Fields(text), ""), `"staticConfig":{"workloads":[],"services":[],"policies":[]}`) {
		t.Errorf("no staticConfig: %s", text)
	}
	for _, c := range dump.Certificates {
		if err := looksRight(c); err != nil {
			t.Errorf("%s: %v", c.Identity, err)
		}
	}
	token, err := os.ReadFile(n.dir + "/token")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "PRIVATE") || strings.Contains(text, strings.TrimSpace(string(token))) {
		t.Errorf("a secret is in %s", text)
	}
}

// Conformance 43: those of the pods that are served before anybody needs them, none of others, and each as long as one of its pods is there.
func TestWhoseSVIDsAreHeld(t *testing.T) {
	n := startNode(t, "isolation: shared")
	n.write(t, "mesh.yaml", n.meshFile()+`- {uid: a/twin, name: twin, namespace: a, serviceAccount: server, node: n, addresses: [10.77.0.7], protocol: HBONE}
- {uid: a/afar, name: afar, namespace: a, serviceAccount: afar, node: m, addresses: [10.77.0.8], protocol: HBONE}
- {uid: a/idle, name: idle, namespace: a, serviceAccount: idle, node: n, addresses: [10.77.0.9], protocol: HBONE}
`)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	n.addPod(t, "a/twin", ns) // waits until the mesh knows it
	want := func(names ...string) {
		t.Helper()
		var want, got []string
		for _, name := range names {
			want = append(want, "spiffe://cluster.local/ns/a/sa/"+name)
		}
		dump, _ := n.dump(t)
		for _, c := range dump.Certificates {
			got = append(got, c.Identity)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("held: %v, want %v", got, want)
		}
	}
	remove := func(uid string) {
		t.Helper()
		if err := n.call(t, "DELETE", "/pods?uid="+uid, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	want("client", "server")
	remove("a/server")
	want("client", "server") // its twin's
	remove("a/twin")
	want("client")
	for _, name := range []string{"afar", "idle"} {
		if line := n.line("/sa/" + name); line != "" {
			t.Errorf("somebody thought of %s: %s", name, line)
		}
	}
}

func (n *node) dump(t *testing.T) (d admin.Dump, text string) {
	t.Helper()
	resp, err := n.admin.Get("http://node/config_dump")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return d, string(b)
}

func looksRight(c admin.DumpCertificate) error {
	if c.State != "Available" || c.Until == nil || len(c.Chain) == 0 || len(c.Roots) == 0 {
		return fmt.Errorf("%+v", c)
	}
	for _, one := range slices.Concat(c.Chain, c.Roots) {
		block, rest := pem.Decode(one.PEM)
		if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
			return fmt.Errorf("not one certificate: %s", one.PEM)
		}
	}
	block, _ := pem.Decode(c.Chain[0].PEM)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != c.Identity || leaf.SerialNumber.String() != c.Chain[0].Serial {
		return fmt.Errorf("the leaf is %v, %v", leaf.URIs, leaf.SerialNumber)
	}
	return nil
}

// What the CA has answered last counts, and a failure does not take what is there.
func TestIssuedAreKept(t *testing.T) {
	var i issued
	id := idOf(t, "own")
	if one := i.of(id); one.chain != nil || one.failure != "" {
		t.Errorf("%+v", one)
	}
	i.note(id, &cell.Signed{Chain: [][]byte{{1}}, Roots: [][]byte{{2}}})
	i.note(id, &cell.Signed{Error: "away"})
	if one := i.of(id); len(one.chain) != 1 || len(one.roots) != 1 || one.failure != "away" {
		t.Errorf("%+v", one)
	}
	i.note(id, &cell.Signed{Chain: [][]byte{{3}}, Roots: [][]byte{{2}}})
	if one := i.of(id); one.chain[0][0] != 3 || one.failure != "" {
		t.Errorf("%+v", one)
	}
}
