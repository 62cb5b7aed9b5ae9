package triage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

var begin = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// node is what the keeper of a small node says where all is well: two pods in one cell.
func node(change func(*Source)) Source {
	s := Source{
		Socket:  "/n1.sock",
		Cells:   []Cell{{Name: "shared", PID: 30, Since: begin, Generation: 1, Workloads: []string{"a/web", "b/db"}, State: "up"}},
		Pods:    []Pod{{"a/web", "shared"}, {"b/db", "shared"}},
		Vitals:  vitals.Vitals{Node: "n1", PID: 7, Started: begin, Cells: []vitals.Cell{{Name: "shared", PID: 30}}, Pods: []vitals.Pod{{UID: "a/web", Node: "n1"}, {UID: "b/db", Node: "n1"}}},
		Metrics: map[string]float64{},
	}
	if change != nil {
		change(&s)
	}
	return s
}

// listening has a/web listen at a port by these sockets.
func listening(port uint16, sockets ...uint32) func(*Source) {
	return func(s *Source) {
		for _, x := range sockets {
			s.Vitals.Pods[0].Doors = append(s.Vitals.Pods[0].Doors, vitals.Door{Port: port, Socket: x})
		}
	}
}

// window is observations a second apart.
func window(all ...Source) (w []Observation) {
	for i, s := range all {
		w = append(w, Observation{At: begin.Add(time.Minute + time.Duration(i)*time.Second), Sources: []Source{s}})
	}
	return w
}

// answers are looks at a node whose control took so long to answer.
func answers(took ...float64) []Observation {
	var all []Source
	for _, x := range took {
		all = append(all, node(func(s *Source) { s.Who.Mesh.Answered = x }))
	}
	return window(all...)
}

const failures = `bulkhead_connection_failures_total{cell="shared",workload="b/db",direction="inbound",peer="a/web",stage="policy",reason="`

// Cases that no drill of the lab had when they were written; each has its control.
func TestDiagnose(t *testing.T) {
	gone := Source{Socket: "/n1.sock", Problem: "/cells: connection refused"}
	for name, x := range map[string]struct {
		window []Observation
		want   []Finding // path, class and victims
	}{
		"all is well":        {window(node(nil), node(nil)), nil},
		"nothing but a look": {window(node(nil)), nil},
		"silent once":        {window(node(nil), gone), nil},
		"a keeper that does not answer": {window(node(nil), gone, gone),
			[]Finding{{Path: Path{KindKeeper, "n1"}, Class: Silent}}},
		"a socket that never answered": {window(gone, gone), []Finding{{Path: Path{KindKeeper, "/n1.sock"}, Class: Silent}}},
		"another keeper, the same cells": {
			window(node(nil), node(func(s *Source) { s.Vitals.PID, s.Vitals.Started = 90, begin.Add(time.Minute) })),
			[]Finding{{Path: Path{KindKeeper, "n1"}, Class: Crash}}},
		"another keeper, for which the one before made room": {
			window(node(nil), node(func(s *Source) {
				s.Vitals.PID, s.Vitals.Started, s.Vitals.Before = 90, begin.Add(time.Minute), vitals.EndedByOrder
			})),
			[]Finding{{Path: Path{KindKeeper, "n1"}, Class: Replaced}}},
		"everything began anew, with the same numbers": {
			window(node(nil), node(func(s *Source) { s.Vitals.Started, s.Cells[0].Since = begin.Add(time.Minute), begin.Add(time.Minute) })),
			[]Finding{{Path: Path{KindNode, "n1"}, Class: Restarted, Victims: []string{"a/web", "b/db"}}}},
		"a successor, and nobody died": {
			window(node(nil), node(func(s *Source) { s.Cells[0].PID, s.Cells[0].Generation = 31, 2 })),
			[]Finding{{Path: Path{KindCell, "n1 shared"}, Class: Replaced, Victims: []string{"a/web", "b/db"}}}},
		"an application that ended, and another one": {
			window(node(listening(8080, 5, 6)), node(listening(8080, 7))),
			[]Finding{{Path: Path{KindApplication, "a/web"}, Class: Gone, Victims: []string{"a/web"}}}},
		"an application that ended": {
			window(node(listening(8080, 5)), node(listening(9090, 5))),
			[]Finding{{Path: Path{KindApplication, "a/web"}, Class: Gone, Victims: []string{"a/web"}}}},
		"one of its listeners was replaced":  {window(node(listening(8080, 5, 6)), node(listening(8080, 6, 7))), nil},
		"listeners that are not known":       {window(node(listening(8080, 0)), node(listening(8080, 9))), nil},
		"one that begins to listen":          {window(node(nil), node(listening(8080, 5)), node(listening(8080, 5))), nil},
		"the data plane's own, of a new one": {window(node(listening(15008, 5)), node(listening(15008, 6))), nil},
		"rules that were put back": {
			window(node(nil), node(func(s *Source) { s.Vitals.Pods[0].Recapture = 1 })),
			[]Finding{{Path: Path{KindCapture, "a/web"}, Class: RulesGone, Victims: []string{"a/web"}}}},
		"rules that nobody puts back": {
			window(node(nil), node(func(s *Source) { s.Vitals.Pods[1].Rules = "no table" })),
			[]Finding{{Path: Path{KindCapture, "b/db"}, Class: RulesGone, Victims: []string{"b/db"}}}},
		"a sidecar that is passed by": {
			window(node(nil), node(func(s *Source) { s.Vitals.Pods[1].Beside = 2 }), node(func(s *Source) { s.Vitals.Pods[1].Beside = 1 })),
			[]Finding{{Path: Path{KindCapture, "b/db"}, Class: RulesGone, Victims: []string{"b/db"}}}},
		"one connection, between its two ends": {
			window(node(nil), node(func(s *Source) { s.Vitals.Pods[1].Beside = 2 }), node(nil), node(func(s *Source) { s.Vitals.Pods[1].Beside = 1 })), nil},
		"an application that its own kernel does not lead to": {
			window(node(func(s *Source) { s.Vitals.Pods[1].Unreached = 3 }), node(func(s *Source) { s.Vitals.Pods[1].Unreached = 4 })),
			[]Finding{{Path: Path{KindCapture, "b/db"}, Class: RulesGone, Victims: []string{"b/db"}}}},
		"a log that nobody reads": {
			window(node(nil), node(func(s *Source) { s.Metrics[`bulkhead_cell_access_lines_dropped{cell="shared"}`] = 4 })),
			[]Finding{{Path: Path{KindLog, "n1 shared"}, Class: Stuck}}},
		"a workload that takes the descriptors of its cell": {
			window(node(func(s *Source) { s.Vitals.Cells[0].Files, s.Vitals.Cells[0].FilesMost = 50, 9216 }),
				node(func(s *Source) {
					s.Vitals.Cells[0].Files, s.Vitals.Cells[0].FilesMost, s.Vitals.Pods[1].Held = 1500, 9216, 1400
				})),
			[]Finding{{Path: Path{KindWorkload, "b/db"}, Class: Descriptors, Victims: []string{"b/db"}}}},
		"descriptors that many share": {
			window(node(func(s *Source) { s.Vitals.Cells[0].Files, s.Vitals.Cells[0].FilesMost = 50, 9216 }),
				node(func(s *Source) {
					s.Vitals.Cells[0].Files, s.Vitals.Cells[0].FilesMost, s.Vitals.Pods[0].Held, s.Vitals.Pods[1].Held = 1500, 9216, 700, 700
				})), nil},
		"a cell on the way to its wall": {
			window(node(func(s *Source) { s.Vitals.Cells[0].Memory, s.Vitals.Cells[0].MemoryMost = 12<<20, 416<<20 }),
				node(func(s *Source) { s.Vitals.Cells[0].Memory, s.Vitals.Cells[0].MemoryMost = 230<<20, 416<<20 })),
			[]Finding{{Path: Path{KindCell, "n1 shared"}, Class: MemoryWall, Victims: []string{"a/web", "b/db"}}}},
		"a cell that needs some memory": {
			window(node(func(s *Source) { s.Vitals.Cells[0].Memory, s.Vitals.Cells[0].MemoryMost = 150<<20, 416<<20 }),
				node(func(s *Source) { s.Vitals.Cells[0].Memory, s.Vitals.Cells[0].MemoryMost = 230<<20, 416<<20 })), nil},
		"no descriptors": {
			window(node(nil), node(func(s *Source) { s.Vitals.Cells[0].Files, s.Vitals.Cells[0].FilesMost = 1000, 1024 })),
			[]Finding{{Path: Path{KindCell, "n1 shared"}, Class: Descriptors, Victims: []string{"a/web", "b/db"}}}},
		"a budget that is used up": {
			window(node(nil), node(func(s *Source) {
				s.Metrics[`bulkhead_budget_refused_total{cell="shared",workload="a/web",resource="dials"}`] = 200
			})),
			[]Finding{{Path: Path{KindWorkload, "a/web"}, Class: OverBudget, Victims: []string{"a/web"}}}},
		"many more connections than before": {
			window(node(func(s *Source) { s.Metrics[`bulkhead_connections_opened_total{cell="shared",workload="a/web"}`] = 600 }),
				node(func(s *Source) { s.Metrics[`bulkhead_connections_opened_total{cell="shared",workload="a/web"}`] = 800 })),
			[]Finding{{Path: Path{KindWorkload, "a/web"}, Class: Surge, Victims: []string{"a/web"}}}},
		"many connections, as before": {
			window(node(func(s *Source) { s.Metrics[`bulkhead_connections_opened_total{cell="shared",workload="a/web"}`] = 6000 }),
				node(func(s *Source) { s.Metrics[`bulkhead_connections_opened_total{cell="shared",workload="a/web"}`] = 6200 })), nil},
		"policy begins to refuse": {
			window(node(nil), node(func(s *Source) { s.Metrics[failures+`denied"}`] = 8 })),
			[]Finding{{Path: Path{KindPolicy, "of b/db"}, Class: Denied, Victims: []string{"a/web", "b/db"}}}},
		"policy begins to refuse an identity": {
			window(node(nil), node(func(s *Source) {
				s.Metrics[`bulkhead_connection_failures_total{cell="shared",workload="b/db",direction="inbound",peer="spiffe://td/ns/a/sa/web",stage="policy",reason="denied"}`] = 8
				s.Who.Cells = []admin.Cell{{Workloads: []admin.Workload{{UID: "a/web", Identity: "spiffe://td/ns/a/sa/web"}}}}
			})),
			[]Finding{{Path: Path{KindPolicy, "of b/db"}, Class: Denied, Victims: []string{"a/web", "b/db"}}}},
		"policy refuses as it did before": {
			window(node(func(s *Source) { s.Metrics[failures+`not-allowed"}`] = 3 }), node(func(s *Source) { s.Metrics[failures+`not-allowed"}`] = 30 })), nil},
		"failures that are not policy's": {
			window(node(nil), node(func(s *Source) { s.Metrics[failures+`reset"}`] = 80 })), nil},
		"policy is not enforced, says verify": {
			window(node(nil), node(func(s *Source) { s.Metrics[`bulkhead_verify_findings{check="deny"}`] = 1 })),
			[]Finding{{Path: Path{KindNode, "n1"}, Class: Unenforced}}},
		"verify finds nothing": {
			window(node(nil), node(func(s *Source) { s.Metrics[`bulkhead_verify_findings{check="deny"}`] = 0 })), nil},
		"verify cannot try it through a cell that hangs": {
			window(node(nil), node(func(s *Source) {
				s.Metrics[`bulkhead_verify_findings{check="deny"}`], s.Vitals.Cells[0].Unanswered = 1, 2
			})),
			[]Finding{{Path: Path{KindCell, "n1 shared"}, Class: Hang, Victims: []string{"a/web", "b/db"}}}},
		"no CA": {
			window(node(nil), node(func(s *Source) { s.Vitals.CA = vitals.CA{Failing: 3, Since: begin, Error: "refused"} })),
			[]Finding{{Path: Path{KindCA, "of n1"}, Class: Silent}}},
		"one signature that failed": {
			window(node(nil), node(func(s *Source) { s.Vitals.CA = vitals.CA{Failing: 1, Since: begin, Error: "refused"} })), nil},
		"an SVID that ended": {
			window(node(nil), node(func(s *Source) {
				s.Who.Cells = []admin.Cell{{Name: "shared", PID: 30, Workloads: []admin.Workload{{UID: "a/web", Identity: "spiffe://td/ns/a/sa/web"}},
					Survival: &admin.Survival{Until: begin, Identity: "spiffe://td/ns/a/sa/web"}}}
			})),
			[]Finding{{Path: Path{KindCell, "n1 shared"}, Class: Expired, Victims: []string{"a/web"}}}},
		"nothing new from control": {
			window(node(nil), node(func(s *Source) { s.Who.Mesh.Error, s.Who.Mesh.Heard = "connection refused", begin })),
			[]Finding{{Path: Path{KindControl, "of n1"}, Class: Stale}}},
		"control that is started again": {
			window(node(nil), node(func(s *Source) { s.Who.Mesh.Error, s.Who.Mesh.Heard = "connection refused", begin.Add(time.Minute) })), nil},
		"control has a mesh that is wrong": {
			window(node(nil), node(func(s *Source) { s.Who.Mesh.Refused = "half a file" })),
			[]Finding{{Path: Path{KindControl, "of n1"}, Class: Rejected}}},
		"control answers late":                                 {answers(0.001, 0.3, 0.6, 0.02, 0.4), []Finding{{Path: Path{KindControl, "of n1"}, Class: Slow}}},
		"control answered late once, which is not asked again": {answers(0.001, 0.9, 0.9, 0.9, 0.9), nil},
		"control answers late once":                            {answers(0.001, 0.002, 0.6, 0.02, 0.003), nil},
		"an application that does not accept": {
			window(node(func(s *Source) { s.Vitals.Pods[1].Doors = []vitals.Door{{Port: 8080, Waiting: 5}} }), node(func(s *Source) { s.Vitals.Pods[1].Doors = []vitals.Door{{Port: 8080, Waiting: 60}} })),
			[]Finding{{Path: Path{KindApplication, "b/db"}, Class: NotServing, Victims: []string{"b/db"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Diagnose(x.window)
			if len(got) != len(x.want) {
				t.Fatalf("%d findings, want %d: %+v", len(got), len(x.want), got)
			}
			for i, f := range got {
				if !f.is(x.want[i]) || !slices.Equal(f.Victims, x.want[i].Victims) {
					t.Errorf("%s %v, want %s %v", f.Says(), f.Victims, x.want[i].Says(), x.want[i].Victims)
				}
				if len(f.Evidence) == 0 || f.Next == "" || f.Since.IsZero() {
					t.Errorf("half a finding: %+v", f)
				}
			}
		})
	}
}

func TestSeries(t *testing.T) {
	all := series("# HELP x y\n# TYPE x counter\nx{a=\"b c\"} 3\nx 1e+06\ny_bucket{le=\"1\"} 9\nbroken\n\n")
	if len(all) != 2 || all[`x{a="b c"}`] != 3 || all["x"] != 1e6 {
		t.Errorf("%v", all)
	}
	s := Source{Metrics: map[string]float64{`m{a="1",b="2"}`: 1, `m{a="1",b="3"}`: 2, `m{a="11",b="2"}`: 4, `mm{a="1"}`: 8}}
	for want, labels := range map[float64][]string{7: nil, 3: {`a="1"`}, 1: {`a="1"`, `b="2"`}, 0: {`a="2"`}} {
		if got := s.sum("m", labels...); got != want {
			t.Errorf("%v: %v, want %v", labels, got, want)
		}
	}
}

// A window forgets what is older than its span, and keeps two looks whatever their distance.
func TestWatchForgets(t *testing.T) {
	var w Watch
	for i := range 30 {
		w.Add(Observation{At: begin.Add(time.Duration(i) * time.Second)})
	}
	if all := w.Window(); all[len(all)-1].At.Sub(all[0].At) < Span || len(all) > int(Span/time.Second)+2 {
		t.Errorf("%d looks from %v to %v", len(all), all[0].At, all[len(all)-1].At)
	}
	w.Add(Observation{At: begin.Add(time.Hour)})
	if all := w.Window(); len(all) != 2 {
		t.Errorf("%d looks after a pause", len(all))
	}
}

// A socket that takes the question and is silent is not a path that is wrong.
func TestAKeeperThatHangsFromTheBeginning(t *testing.T) {
	for problem, want := range map[string]string{"/cells: context deadline exceeded": "stands still", "/cells: connection refused": "is the path right"} {
		s := Source{Socket: "/n1.sock", Problem: problem}
		if found := Diagnose(window(s, s)); len(found) != 1 || !strings.Contains(found[0].Next, want) {
			t.Errorf("%s: %+v", problem, found)
		}
	}
}
