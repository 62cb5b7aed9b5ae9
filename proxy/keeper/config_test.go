package keeper

import (
	"strings"
	"testing"
	"time"
)

const nodeFile = `
node: node-1
isolation: workload
mesh: /m.yaml
ca: {socket: /ca.sock, token: /token}
admin: /admin.sock
`

func TestConfigDefaults(t *testing.T) {
	c, err := ParseConfig([]byte(nodeFile))
	if err != nil {
		t.Fatal(err)
	}
	if c.Custody != CustodyAnchor || c.Liveness.Misses != 3 || time.Duration(c.Restart.Initial) != 500*time.Millisecond || time.Duration(c.Drain) != 5*time.Second {
		t.Errorf("defaults: %+v", c)
	}
}

// Conformance 111: what is wrong, and what to write instead.
func TestConfigRejects(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown key":         {"node: node-1", "node: node-1\nnoode: x", "unknown field"},
		"unknown isolation":   {"isolation: workload", "isolation: pod", "use shared, namespace, service-account, workload, sidecar or none"},
		"unknown custody":     {"node: node-1", "node: node-1\ncustody: me", "use anchor or cell"},
		"missing mesh":        {"mesh: /m.yaml", "", "mesh or discovery is required"},
		"bad duration":        {"node: node-1", "node: node-1\ndrain: five", "no duration"},
		"migrate alone":       {"node: node-1", "node: node-1\ntunnels: {migrate: on}", "say quic: on, too"},
		"a time without unit": {"node: node-1", "node: node-1\nliveness: {knock: 5}", "5 is no duration"},
		"negative duration":   {"node: node-1", "node: node-1\ndrain: -5s", "no duration"},
		"bad factor":          {"node: node-1", "node: node-1\nrestart: {factor: 0.5}", "at least 1"},
		"off in no quotes":    {"node: node-1", "node: node-1\nliveness: {off: true}", "in quotes"},
		"unknown exchange":    {"node: node-1", "node: node-1\ntunnels: {keyExchange: kyber}", "use x25519 or x25519mlkem768"},
		"unknown pool":        {"node: node-1", "node: node-1\ntunnels: {pool: never}", "say on or off"},
		"unknown in block":    {"node: node-1", "node: node-1\ntunnels: {pol: off}", "unknown field"},
		"bad uids":            {"node: node-1", "node: node-1\nuids: {first: 0, count: 5}", "uids.first"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(nodeFile, c.from, c.to, 1)
			if text == nodeFile {
				t.Fatal("the test changed nothing")
			}
			if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	p := Pod{UID: "a/web-1", Name: "web-1", Namespace: "a", ServiceAccount: "web"}
	for isolation, want := range map[Isolation]string{
		Shared: "shared", Namespace: "namespace/a", ServiceAccount: "service-account/a/web", PerWorkload: "workload/a/web-1",
	} {
		if got := isolation.Group(p); got != want {
			t.Errorf("%s: %q, want %q", isolation, got, want)
		}
	}
}

func TestOverrides(t *testing.T) {
	c, err := ParseConfig([]byte(nodeFile + "overrides: {namespaces: {b: namespace}, workloads: {b/db: workload, a/web: service-account}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ namespace, name, chosen, want string }{
		{"a", "api", "", c.Isolation.Group(Pod{UID: "a/api", Name: "api", Namespace: "a", ServiceAccount: "sa"})},
		{"a", "web", "", "service-account/a/sa"},
		{"b", "web", "", "namespace/b"},
		{"b", "db", "", "workload/b/db"},
		{"b", "db", "shared", "shared"},
		{"a", "web", "workload", "workload/a/web"},
	} {
		p := Pod{UID: x.namespace + "/" + x.name, Name: x.name, Namespace: x.namespace, ServiceAccount: "sa", Isolation: Isolation(x.chosen)}
		if got := c.Group(p); got != x.want {
			t.Errorf("%+v: group %q", x, got)
		}
	}
	for text, want := range map[string]string{
		"overrides: {namespaces: {b: mine}}":      "use shared, namespace",
		"overrides: {workloads: {web: workload}}": "write namespace/name",
		"overrides: {namespaces: {a/b: shared}}":  "is no namespace",
		"overrides: {pods: {}}":                   "unknown field",
	} {
		if _, err := ParseConfig([]byte(nodeFile + text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}

func TestRestartDelay(t *testing.T) {
	r := Restart{Initial: Duration(500 * time.Millisecond), Factor: 2, Max: Duration(3 * time.Second)}
	var d time.Duration
	for _, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		if d = nextDelay(d, r); d != want {
			t.Errorf("delay %v, want %v", d, want)
		}
	}
}

// Conformance 111: no file breaks it.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(nodeFile))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseConfig(b); err == nil && (c.Node == "" || c.Restart.Factor < 1) {
			t.Errorf("accepted %+v", c)
		}
	})
}
