package verdict

// Directions of a metric.
const (
	More = "more"
	Less = "less"
)

// Metrics, as samples and benchstat have them.
const (
	Throughput    = "MiB/s"
	CPUPerGiB     = "cpu-s/GiB"
	Requests      = "req/s"
	CPUPer1000    = "cpu-ms/1000"
	P50           = "p50-us"
	P99           = "p99-us"
	Connections   = "conn/s"
	BytesPerConn  = "bytes/conn"
	splitA        = "-A" // after the name of a CPU metric: of the client's end alone
	splitB        = "-B" // of the server's end
	CPUPerGiBA    = CPUPerGiB + splitA
	CPUPerGiBB    = CPUPerGiB + splitB
	CPUPer1000A   = CPUPer1000 + splitA
	CPUPer1000B   = CPUPer1000 + splitB
	BesideUploads = "upload-MiB/s" // of row beside: what the upload got meanwhile
)

// Subjects that are ours, and one that every table has beside them.
const (
	Bulkhead        = "bulkhead"
	BulkheadPoolOff = "bulkhead-pool-off"
	BulkheadQUIC    = "bulkhead-quic"
	// PlainQUIC is the bare relay on the library below ours: identity, policy and records cost nothing there.
	PlainQUIC = "quic-go"
	// Splice is the floor: the peer without TLS.
	Splice = "splice"
)

// Names of rows.
const (
	Up1     = "up1"    // one connection uploads
	Up16    = "up16"   // 16 do
	Echo64  = "rr64"   // 16 connections echo 64 bytes, as fast as they can
	Echo64K = "rr64k"  // 64 KiB
	Paced   = "paced"  // 2,000 requests of 64 bytes a second, on 16 connections
	New     = "crr"    // connect, one echo of 64 bytes, close, 16 at a time
	Beside  = "beside" // 500 small requests a second beside an upload that takes all it can get
	Idle    = "idle"   // connections that do nothing after one echo
)

// Row is one line of the table: a metric of a row of the run, ours against its peer.
type Row struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	Metric  string  `json:"metric"`
	Better  string  `json:"better"` // More or Less
	Subject string  `json:"subject"`
	Peer    string  `json:"peer"`
	Bar     float64 `json:"bar"` // of the ratio ours/peer
	Goal    float64 `json:"goal"`
}

// Rows are those of the issue: peers, bars and goals chosen before any run. That of QUIC, chosen after runs, asks for 1.3 times
// the plain relay's throughput for each CPU second (0.77 of its CPU for each GiB), or for a profile of what limits it: a
// miss there is answered by decision 39, which has the profile.
func Rows() []Row {
	const tuned, usual = "nginx-tuned", "nginx"
	return []Row{
		{Up1, "1 connection, bulk", Throughput, More, Bulkhead, tuned, 1.0, 1.5},
		{Up1, "1 connection, bulk", CPUPerGiB, Less, Bulkhead, tuned, 0.90, 0.55},
		{Up16, "16 connections, bulk", Throughput, More, Bulkhead, tuned, 1.4, 2.0},
		{Up16, "16 connections, bulk", CPUPerGiB, Less, Bulkhead, tuned, 0.70, 0.50},
		{Echo64, "16 connections, echo of 64 B", Requests, More, Bulkhead, tuned, 0.90, 1.1},
		{Echo64, "16 connections, echo of 64 B", CPUPer1000, Less, Bulkhead, tuned, 0.80, 0.60},
		{Echo64K, "16 connections, echo of 64 KiB", Requests, More, Bulkhead, tuned, 0.85, 1.5},
		{Echo64K, "16 connections, echo of 64 KiB", CPUPer1000, Less, Bulkhead, tuned, 1.15, 0.65},
		{Paced, "2,000 requests/s, 64 B", P50, Less, Bulkhead, tuned, 1.1, 1.0},
		{Paced, "2,000 requests/s, 64 B", CPUPer1000, Less, Bulkhead, tuned, 1.2, 1.0},
		{New, "connect + echo + close", Connections, More, Bulkhead, usual, 4.5, 6},
		{New, "connect + echo + close, pool off", Connections, More, BulkheadPoolOff, usual, 1.0, 1.5},
		{Beside, "500 requests/s beside an upload", P99, Less, Bulkhead, usual, 0.10, 0.05},
		{Up1, "1 connection, bulk, over QUIC", CPUPerGiB, Less, BulkheadQUIC, PlainQUIC, 0.77, 0.65},
		{Idle, "idle connection, both proxies", BytesPerConn, Less, Bulkhead, usual, 0.18, 0.08},
	}
}

// better is the direction of any metric.
func better(metric string) string {
	switch metric {
	case Throughput, Requests, Connections, BesideUploads:
		return More
	}
	return Less
}
