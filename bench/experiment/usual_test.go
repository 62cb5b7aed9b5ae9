package experiment

import "testing"

// TestOfFlags: what flags of drill run change can be said by them again, and nothing else.
func TestOfFlags(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Experiment)
		want   bool
	}{
		"as it is":    {func(*Experiment) {}, true},
		"flags":       {func(e *Experiment) { e.Isolations, e.Repeats, e.Load.Long = []string{"none"}, 3, 50 }, true},
		"a transport": {func(e *Experiment) { e.Transports = []string{"quic"} }, true},
		"a name":      {func(e *Experiment) { e.Name = "mine" }, false},
		"a topology":  {func(e *Experiment) { e.Topology = Topology{Nodes: 1, Pods: []Pod{{Namespace: "a", App: "b", Node: 1}}} }, false},
		"a length":    {func(e *Experiment) { e.Method.For++ }, false},
		"a window":    {func(e *Experiment) { e.Steady.Baseline++ }, false},
		"no fault":    {func(e *Experiment) { e.Method.Fault = "none-such" }, false},
	} {
		e, err := Of("hang")
		if err != nil {
			t.Fatal(err)
		}
		c.change(&e)
		if got := e.OfFlags(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if read, err := Parse("x.yaml", e.YAML()); c.want && (err != nil || !read.OfFlags()) {
			t.Errorf("%s: read again: %v", name, err)
		}
	}
}
