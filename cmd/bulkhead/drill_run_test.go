package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// hang is how long a drill may take at most; it fires only when one hangs.
const hang = 10 * time.Minute

// TestDrillsInALab builds the executables once, drills with them, and benches.
func TestDrillsInALab(t *testing.T) {
	bin := t.TempDir()
	c := exec.Command("go", "build", "-o", bin, ".", "../bulkhead-node", "../bulkhead-cell", "../bulkhead-sidecar", "../bulkhead-attack")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	b := built(filepath.Join(bin, "bulkhead"))
	t.Run("crash", func(t *testing.T) { b.everything(t, 4, "crash") })
	t.Run("replace", func(t *testing.T) { b.everything(t, 2, "replace", "--isolation", "none,workload") })
	t.Run("keeper-crash", func(t *testing.T) { b.everything(t, 1, "keeper-crash", "--isolation", "workload") })
	t.Run("key-theft", b.theft)
	t.Run("null prints JSON only", b.nullJSON)
	t.Run("interrupted", b.interrupted)
	t.Run("suite", b.suite)
	t.Run("suite interrupted", b.suiteInterrupted)
	t.Run("bench", b.bench)
	t.Run("bench interrupted", b.benchInterrupted)
	t.Run("bench datapath", b.datapath)
	t.Run("bench datapath interrupted", b.datapathInterrupted)
}

// built is the path of the executable.
type built string

// drill is `bulkhead drill run …` with its record in a directory of the test.
func (b built) drill(t *testing.T, args ...string) (c *exec.Cmd, out string) {
	t.Helper()
	return b.command(t, append([]string{"drill", "run"}, args...)...)
}

// command is one that leaves a record.
func (b built) command(t *testing.T, args ...string) (c *exec.Cmd, out string) {
	t.Helper()
	out = t.TempDir()
	c = exec.CommandContext(t.Context(), string(b), append(args, "--out", out)...)
	// Not killed: a signal lets it roll back.
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(unix.SIGINT) }, hang
	return c, out
}

// recordIn finds the one record that a command left, by its file.
func recordIn(t *testing.T, out, file string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(out, "*", file))
	if err != nil || len(all) != 1 {
		t.Fatalf("records in %s: %v, %v; want one", out, all, err)
	}
	return filepath.Dir(all[0])
}

// hard are failures that only something broken makes: a machine that is slow makes
// late answers and timeouts.
var hard = []string{load.Refused, load.Reset, load.EOF, load.Wrong, load.Unreachable, load.Local}

// failed are the flows with a hard failure in a segment, before its fault and after
// it. A denied flow fails as it should. What was under way when the fault struck failed after it.
func failed(run *measure.Run, records []load.Record, seg *measure.Segment) (before, after map[int]bool) {
	before, after = map[int]bool{}, map[int]bool{}
	for _, r := range records {
		switch {
		case run.Flows[r.Flow].Denied:
		case !slices.Contains(hard, r.Error) || r.Planned < seg.T0 || r.Planned >= seg.TEnd:
		case r.Done < seg.TFault:
			before[r.Flow] = true
		default:
			after[r.Flow] = true
		}
	}
	return before, after
}

// everything is a drill, such as that of `make lab`, with everything real. Whatever
// the speed of the machine: nothing fails without a fault; after it every flow that
// the oracle names is hit, and no other flow fails; and what policy denies is never
// admitted, but where nobody enforces it, which shows that it would be. A machine that
// stalls for seconds makes failures of its own, and says so by its sentinels: such a
// drill is run again, and the last one is held to what holds on any machine.
func (b built) everything(t *testing.T, rows int, args ...string) {
	for again := 1; ; again-- {
		run, records, doc := b.record(t, args...)
		if len(run.Segments) != 3*rows || len(doc.Result.Rows) != rows { // null, the fault, undone
			t.Fatalf("%d segments and %d rows, want %d and %d", len(run.Segments), len(doc.Result.Rows), 3*rows, rows)
		}
		stalled := len(doc.Result.Invalid) > 0
		if stalled && again > 0 {
			t.Logf("once more: %v", doc.Result.Invalid)
			continue
		}
		for i, seg := range run.Segments {
			checkSegment(t, run, records, &seg, &doc.Result.Outcomes[i], stalled)
		}
		return
	}
}

// record runs a drill and reads what it left.
func (b built) record(t *testing.T, args ...string) (*measure.Run, []load.Record, *report.Document) {
	t.Helper()
	c, out := b.drill(t, args...)
	var table, progress bytes.Buffer
	c.Stdout, c.Stderr = &table, &progress
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	t.Logf("\n%s", table.String())
	dir := recordIn(t, out, measure.RunFile)
	doc := sameReport(t, dir, table.String())
	run, records, err := measure.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run, records, doc
}

// bystandersHit are how many of the predicted flows have neither end at the culprit.
var bystandersHit = map[string]int{"sidecar": 0, "workload": 0, "shared (as ztunnel)": 14, "shared (custody on)": 14}

func checkSegment(t *testing.T, run *measure.Run, records []load.Record, seg *measure.Segment, o *measure.Outcome, stalled bool) {
	t.Helper()
	if o.Missing > 0 {
		t.Errorf("%s %s: %d requests have no record", seg.Subject, seg.Kind, o.Missing)
	}
	enforced := seg.Subject != "none"
	if o.Denied.Tried == 0 || enforced && o.Denied.Admitted > 0 {
		t.Errorf("%s %s: %d of %d denied attempts were admitted", seg.Subject, seg.Kind, o.Denied.Admitted, o.Denied.Tried)
	}
	if stalled {
		t.Logf("%s %s: %d void bins: whom the fault hit is not looked at", seg.Subject, seg.Kind, o.VoidBins)
		return
	}
	if !enforced && o.Denied.Admitted != o.Denied.Tried {
		t.Errorf("%s %s: %d of %d attempts were admitted where nobody denies them", seg.Subject, seg.Kind, o.Denied.Admitted, o.Denied.Tried)
	}
	before, after := failed(run, records, seg)
	if len(before) > 0 {
		t.Errorf("%s %s: flows failed before the fault: %v", seg.Subject, seg.Kind, before)
	}
	checkHit(t, run, seg, after)
}

// checkHit holds the flows that failed against those that the oracle names.
func checkHit(t *testing.T, run *measure.Run, seg *measure.Segment, failed map[int]bool) {
	t.Helper()
	named := slices.Concat(seg.Predicted, seg.Waiting)
	bystanders := 0
	for _, f := range run.Flows {
		is := slices.Contains(named, f.ID)
		if failed[f.ID] && !is {
			t.Errorf("%s %s: flow %d failed and was not named by the oracle", seg.Subject, seg.Kind, f.ID)
		}
		// What must be hit breaks or is refused: that shows at any speed.
		if slices.Contains(seg.Predicted, f.ID) && !failed[f.ID] {
			t.Errorf("%s: flow %d was predicted and did not fail", seg.Subject, f.ID)
		}
		if is && f.Client != run.Culprit && f.Server != run.Culprit {
			bystanders++
		}
	}
	if seg.Kind == measure.Crash && bystanders != bystandersHit[seg.Subject] {
		t.Errorf("%s: the oracle names %d bystander flows, want %d", seg.Subject, bystanders, bystandersHit[seg.Subject])
	}
}

// nullJSON is for programs: nothing but JSON on stdout.
func (b built) nullJSON(t *testing.T) {
	c, out := b.drill(t, "null", "--isolation", "none", "--json")
	var printed, progress bytes.Buffer
	c.Stdout, c.Stderr = &printed, &progress
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var doc struct {
		Schema string `json:"schema"`
		Result measure.Result
	}
	if err := json.Unmarshal(printed.Bytes(), &doc); err != nil || doc.Schema != "bulkhead.report/v1" || len(doc.Result.Outcomes) != 1 {
		t.Errorf("schema %q, %d outcomes, %v: %.200s", doc.Schema, len(doc.Result.Outcomes), err, printed.String())
	}
	if again, _, code := try("report", "--json", recordIn(t, out, measure.RunFile)); code != 0 || again != printed.String() {
		t.Errorf("report --json prints something else")
	}
}

// interrupted: Ctrl-C in the middle of a fault; everything is rolled back, the
// record is kept.
func (b built) interrupted(t *testing.T) {
	c, out := b.drill(t, "crash", "--isolation", "workload")
	progress, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := interruptAt(progress, "crash: SIGKILL", c.Process)
	err = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d (%v), want %d\n%s", code, err, exitInterrupted, said)
	}
	dir := recordIn(t, out, measure.RunFile)
	run, _, err := measure.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if run.Aborted != "it was interrupted" || len(run.Segments) != 1 {
		t.Errorf("aborted %q with %d segments, want the null segment", run.Aborted, len(run.Segments))
	}
	if !strings.Contains(said, "what it recorded is in "+dir) {
		t.Errorf("it does not say where the record is:\n%s", said)
	}
}

// interruptAt reads progress to its end and interrupts the drill at a text.
func interruptAt(progress io.Reader, text string, p *os.Process) string {
	var said strings.Builder
	buf := make([]byte, 4096)
	for done := false; ; {
		n, err := progress.Read(buf)
		said.Write(buf[:n])
		if !done && strings.Contains(said.String(), text) {
			done = true
			_ = p.Signal(unix.SIGINT) // it may have ended; then Wait says so
		}
		if err != nil {
			return said.String()
		}
	}
}
