package budget

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type file struct {
	Budgets Config `json:"budgets,omitzero"`
}

func TestConfig(t *testing.T) {
	for text, want := range map[string]*Limits{
		``:               &Defaults,
		`budgets: off`:   nil,
		`budgets: "off"`: nil,
		`budgets: on`:    &Defaults,
		`budgets: {connections: 5, workloads: {a/web: {dials: 7}}}`: {5, 1000, 1000, 200, 7, 32 << 20},
		`budgets: {workloads: {a/web: {connections: 9}}}`:           {9, 1000, 1000, 200, 256, 32 << 20},
		`budgets: {workloads: {b/db: {connections: 9}}}`:            &Defaults,
	} {
		t.Run(text, func(t *testing.T) {
			var f file
			if err := yaml.UnmarshalStrict([]byte(text), &f); err != nil {
				t.Fatal(err)
			}
			again, err := yaml.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			var g file
			if err := yaml.UnmarshalStrict(again, &g); err != nil {
				t.Fatalf("%v\n%s", err, again)
			}
			for _, c := range []Config{f.Budgets, g.Budgets} {
				got := c.For("a/web")
				if (got == nil) != (want == nil) || got != nil && *got != *want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
		})
	}
}

func TestConfigIsStrict(t *testing.T) {
	for text, words := range map[string]string{
		`budgets: many`:                                "say off, or a block of limits",
		`budgets: {conections: 5}`:                     "conections",
		`budgets: {connections: -5}`:                   "connections is -5",
		`budgets: {bytes: 1000}`:                       "at least 1048576",
		`budgets: {workloads: {a/web: {tunnels: -1}}}`: "workload a/web",
	} {
		var f file
		if err := yaml.UnmarshalStrict([]byte(text), &f); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %v, want one with %q", text, err, words)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`"off"`))
	f.Add([]byte(`{"connections":5,"workloads":{"a":{"bytes":2000000}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Config
		if json.Unmarshal(b, &c) != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("accepted, and is not valid: %v", err)
		}
		if l := c.For("a"); l != nil && (l.Connections < 1 || l.ConnectionsPerSecond < 1 || l.Bytes < minBytes) {
			t.Errorf("incomplete %+v", *l)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
	})
}
