package istio

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// directory is a mesh of one other workload.
type directory struct{ only mesh.Workload }

func (d directory) Workload(uid string) (mesh.Workload, bool) { return d.only, uid == d.only.UID }

func (d directory) At(a netip.Addr) (mesh.Workload, bool) { return d.only, a == d.only.Addresses[0] }

func id(t testing.TB, text string) identity.ID {
	t.Helper()
	i, err := identity.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func world(t testing.TB) (directory, mesh.Workload) {
	web := mesh.Workload{UID: "a/web-1", Name: "web-1", Controller: "web", Namespace: "a", Cluster: "c1", Identity: id(t, "spiffe://cluster.local/ns/a/sa/web")}
	db := mesh.Workload{
		UID: "b/db-1", Name: "db-1", Controller: "db", Namespace: "b", CanonicalName: "database", CanonicalRevision: "v2", Cluster: "c1",
		Locality: mesh.Locality{Region: "north", Zone: "n1"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")},
	}
	return directory{db}, web
}

// reader makes labels, and hears of no failures.
type reader func(telemetry.Key) Labels

func (r reader) Labels(k telemetry.Key) Labels { return r(k) }

func (reader) Failed(telemetry.Key, telemetry.Failure, uint64) {}

func numbers(opened, closed, sent, received uint64) (n telemetry.Numbers) {
	n.Opened, n.Sent, n.Received = opened, sent, received
	n.Closed[telemetry.FlagNone] = closed
	return n
}

// Conformance 102: the metrics of a connection have Istio's names and labels, at its source.
func TestMetricsAtTheSource(t *testing.T) {
	d, web := world(t)
	l := New(Options{})
	a := l.Account()
	n := numbers(2, 1, 10, 20)
	n.Closed[telemetry.FlagConnect], n.Failed[telemetry.FlagConnect] = 1, 1
	k := telemetry.Key{Direction: telemetry.Outbound, Peer: "b/db-1", Identity: id(t, "spiffe://cluster.local/ns/b/sa/db"), Service: "db.b.svc.cluster.local"}
	a.Take(web.UID, []telemetry.Tally{{Born: 1, Key: &k, Numbers: n}}, reader(func(k telemetry.Key) Labels { return LabelsOf(d, web, k) }))
	const labels = `connection_security_policy="mutual_tls",destination_app="database",destination_canonical_revision="v2",destination_canonical_service="database",destination_cluster="c1",destination_principal="spiffe://cluster.local/ns/b/sa/db",destination_region="north",destination_service="db.b.svc.cluster.local",destination_service_name="db",destination_service_namespace="b",destination_version="v2",destination_workload="db",destination_workload_namespace="b",destination_zone="n1",reporter="source",request_protocol="tcp",response_flags="%s",source_app="web",source_canonical_revision="latest",source_canonical_service="web",source_cluster="c1",source_principal="spiffe://cluster.local/ns/a/sa/web",source_region="",source_version="latest",source_workload="web",source_workload_namespace="a",source_zone=""`
	want := ""
	for _, m := range []struct {
		name, help string
		values     map[string]int
	}{
		{"istio_tcp_connections_closed_total", "Connections that ended.", map[string]int{"-": 1, "CONNECT": 1}},
		{"istio_tcp_connections_opened_total", "Connections that began.", map[string]int{"-": 2}},
		{"istio_tcp_received_bytes_total", "Bytes towards the destination.", map[string]int{"-": 10}},
		{"istio_tcp_sent_bytes_total", "Bytes of answers: in Istio's metrics, sent is what the destination sends.", map[string]int{"-": 20}},
	} {
		want += fmt.Sprintf("# HELP %s %s\n# TYPE %s counter\n", m.name, m.help, m.name)
		for flag, v := range m.values {
			want += fmt.Sprintf("%s{%s} %d\n", m.name, fmt.Sprintf(labels, flag), v)
		}
	}
	err := testutil.CollectAndCompare(l, strings.NewReader(want), "istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total", "istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total")
	if err != nil {
		t.Error(err)
	}
}

func TestTheMetricsAreLinted(t *testing.T) {
	d, web := world(t)
	l := New(Options{})
	k := telemetry.Key{Direction: telemetry.Inbound, Address: netip.MustParseAddr("10.0.0.2")}
	l.Account().Take(web.UID, []telemetry.Tally{{Born: 1, Key: &k, Numbers: numbers(1, 1, 0, 0)}}, reader(func(k telemetry.Key) Labels { return LabelsOf(d, web, k) }))
	problems, err := testutil.CollectAndLint(l)
	if err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
}

// What is known of a peer, and by whom.
func TestWhoThePeerIs(t *testing.T) {
	d, web := world(t)
	db := id(t, "spiffe://cluster.local/ns/b/sa/db")
	for _, c := range []struct {
		name string
		key  telemetry.Key
		want Party
	}{
		{"nobody knows", telemetry.Key{Direction: telemetry.Plaintext, Address: netip.MustParseAddr("192.0.2.1")}, Party{}},
		{"by its address", telemetry.Key{Direction: telemetry.Plaintext, Address: netip.MustParseAddr("10.0.0.2")}, PartyOf(d.only)},
		{"by its SVID alone", telemetry.Key{Direction: telemetry.Inbound, Identity: db}, Party{Namespace: "b", Principal: db.String()}},
		{"by its words", telemetry.Key{Direction: telemetry.Inbound, Identity: db, Baggage: "k8s.namespace.name=b,k8s.deployment.name=db,service.name=s,service.version=v3"},
			Party{Workload: "db", Namespace: "b", CanonicalService: "s", CanonicalRevision: "v3", Principal: db.String()}},
		{"its words before the mesh's", telemetry.Key{Direction: telemetry.Outbound, Peer: "b/db-1", Baggage: "service.version=v3"},
			Party{Workload: "db", Namespace: "b", CanonicalService: "database", CanonicalRevision: "v3", Cluster: "c1", Region: "north", Zone: "n1"}},
		{"its words are no names of others", telemetry.Key{Direction: telemetry.Inbound, Baggage: "service.name=%ff" + strings.Repeat("x", 300)}, Party{CanonicalService: strings.Repeat("x", 252)}},
	} {
		l := LabelsOf(d, web, c.key)
		got := l.source
		if c.key.Direction == telemetry.Outbound {
			got = l.destination
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if l.mutual == c.key.Identity.IsZero() {
			t.Errorf("%s: mutual_tls %v", c.name, l.mutual)
		}
	}
}

// only is a ledger's one label set.
func only(t *testing.T, l *Ledger) telemetry.Numbers {
	t.Helper()
	entries, _, _ := l.snapshot()
	if len(entries) != 1 {
		t.Fatalf("%d label sets", len(entries))
	}
	for _, n := range entries {
		return n
	}
	return telemetry.Numbers{}
}

// A process that dies takes no count along, and what it had open is closed; its successor
// begins at zero and is added.
func TestCountsOutliveTheirProcess(t *testing.T) {
	l := New(Options{})
	labels := reader(func(k telemetry.Key) Labels { return Labels{reporter: "source", service: k.Service} })
	first, k := l.Account(), telemetry.Key{Direction: telemetry.Outbound, Service: "s"}
	first.Take("a/web", []telemetry.Tally{{Born: 1, Key: &k, Numbers: numbers(5, 3, 7, 9)}}, labels)
	first.Take("a/web", []telemetry.Tally{{Born: 1, Numbers: numbers(6, 3, 8, 9)}}, labels)
	if got := only(t, l); got != numbers(6, 3, 8, 9) {
		t.Errorf("%+v", got)
	}
	first.Close()
	want := numbers(6, 6, 8, 9)
	want.Failed[telemetry.FlagNone] = 3
	if got := only(t, l); got != want {
		t.Errorf("after its death %+v", got)
	}
	second := l.Account()
	second.Take("a/web", []telemetry.Tally{{Born: 1, Key: &k, Numbers: numbers(2, 2, 0, 1)}}, labels)
	want.Opened, want.Closed[telemetry.FlagNone], want.Received = 8, 8, 10
	if got := only(t, l); got != want {
		t.Errorf("with its successor %+v", got)
	}
}

// A slot that another series has taken over begins at zero, and numbers of a slot that
// nobody introduced are nobody's.
func TestSlotsAreUsedAgain(t *testing.T) {
	l := New(Options{})
	labels := reader(func(k telemetry.Key) Labels { return Labels{reporter: "source"} }) // two peers of which nothing is known
	a := l.Account()
	k := telemetry.Key{Direction: telemetry.Outbound, Service: "s"}
	a.Take("a/web", []telemetry.Tally{{Born: 1, Key: &k, Numbers: numbers(5, 5, 0, 0)}}, labels)
	a.Take("a/web", []telemetry.Tally{{Born: 9, Key: &k, Numbers: numbers(6, 6, 0, 0)}}, labels)
	a.Take("a/web", []telemetry.Tally{{Slot: 3, Born: 4, Numbers: numbers(100, 100, 0, 0)}, {Slot: -1, Key: &k, Numbers: numbers(100, 100, 0, 0)}, {Slot: 1 << 40, Key: &k, Numbers: numbers(100, 100, 0, 0)}}, labels)
	if got := only(t, l); got != numbers(11, 11, 0, 0) {
		t.Errorf("%+v", got)
	}
	a.Take("a/web", []telemetry.Tally{{Born: 9, Numbers: numbers(1, 0, 0, 0)}}, labels)
	if got := only(t, l); got.Opened != 12 || got.Closed.Sum() != 11 {
		t.Errorf("a counter fell: %+v", got)
	}
}

// What nobody has used for long is forgotten, unless it is open.
func TestSeriesExpire(t *testing.T) {
	now := time.Now()
	l := New(Options{Expiry: time.Minute, Now: func() time.Time { return now }})
	labels := reader(func(k telemetry.Key) Labels { return Labels{reporter: "source", service: k.Service} })
	a := l.Account()
	idle, open := telemetry.Key{Direction: telemetry.Outbound, Service: "idle"}, telemetry.Key{Direction: telemetry.Outbound, Service: "open"}
	a.Take("a/web", []telemetry.Tally{{Born: 1, Key: &idle, Numbers: numbers(1, 1, 0, 0)}, {Slot: 1, Born: 2, Key: &open, Numbers: numbers(1, 0, 0, 0)}}, labels)
	now = now.Add(time.Minute)
	if entries, expired, _ := l.snapshot(); len(entries) != 1 || expired != 1 {
		t.Errorf("%d label sets, %d expired", len(entries), expired)
	}
	a.Take("a/web", []telemetry.Tally{{Born: 1, Numbers: numbers(3, 3, 0, 0)}}, labels)
	entries, _, _ := l.snapshot()
	if got := entries[Labels{reporter: "source", service: "idle"}]; got != numbers(2, 2, 0, 0) {
		t.Errorf("it came back with %+v", got)
	}
}

// However many label sets there are, a bounded number is kept, and nothing is lost of what
// is counted.
func TestTheLedgerIsBounded(t *testing.T) {
	l := New(Options{MaxSeries: 3})
	labels := reader(func(k telemetry.Key) Labels { return Labels{reporter: "source", service: k.Service} })
	a := l.Account()
	for i := range 10 {
		k := telemetry.Key{Direction: telemetry.Outbound, Service: fmt.Sprint(i)}
		a.Take("a/web", []telemetry.Tally{{Slot: i, Born: uint64(i), Key: &k, Numbers: numbers(1, 1, 1, 1)}}, labels)
	}
	entries, _, spilled := l.snapshot()
	var sum telemetry.Numbers
	for _, n := range entries {
		sum = sum.Add(n)
	}
	if len(entries) != 4 || sum != numbers(10, 10, 10, 10) || spilled != 7 {
		t.Errorf("%d label sets, in all %+v, %d spilled", len(entries), sum, spilled)
	}
	if v := (Labels{reporter: "source", service: "x"}).spill().values(telemetry.FlagNone); v[1] != overflow {
		t.Errorf("the overflow is called %q", v)
	}
}
