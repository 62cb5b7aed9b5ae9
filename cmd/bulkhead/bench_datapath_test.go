package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

func TestBenchDatapathMisuse(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--rounds", "0"}, "outside 1 to 1000"},
		{[]string{"--row", "down"}, "use some of up1, up16"},
		{[]string{"--subject", "envoy"}, "use some of bulkhead, bulkhead-pool-off, bulkhead-quic, direct"},
		{[]string{"--isolation", "sidecar"}, "live on a node"},
		{[]string{"--for", "1ms"}, "outside 100ms to 1h"},
		{[]string{"--bin", "before"}, "NAME=DIR"},
		{[]string{"--bin", "before=" + t.TempDir()}, "make build"},
		{[]string{"up1"}, "up1"},
	} {
		args := append([]string{"bench", "datapath", "--out", out}, tc.args...)
		_, sentence, code := try(args...)
		if code != exitMisuse || !strings.Contains(sentence, tc.want) || strings.Contains(sentence, "\n") {
			t.Errorf("%v: exit %d, %q; want exit 2 and one sentence with %q", tc.args, code, sentence, tc.want)
		}
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("misuse left %s behind", out)
	}
}

// The worker's flags are the outer command's: what one accepts the other does.
func TestBenchDatapathArgsThereAndBack(t *testing.T) {
	f := datapathFlags{builds: []string{"before=/a", "other=/b"}, p: datapath.Params{
		Rounds: 4, Rows: []string{"up1", "crr"}, Subjects: []string{"bulkhead", "before"}, Isolation: "shared", Seed: -3, For: 90 * time.Second, Quick: true,
	}}
	c := &cobra.Command{}
	var again datapathFlags
	var r recordFlags
	again.add(c)
	r.add(c)
	if err := c.ParseFlags(f.args("/record", true)[1:]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, again, cmp.AllowUnexported(datapathFlags{})); diff != "" || r.dir != "/record" {
		t.Errorf("flags (-before +after):\n%s\n%+v", diff, r)
	}
}

// datapath is a small run with everything real: each subject has every figure of its row.
func (b built) datapath(t *testing.T) {
	c, out := b.command(t, "bench", "datapath", "--row", "up1,crr,idle", "--subject", "bulkhead,bulkhead-before,bulkhead-pool-off,direct,splice",
		"--rounds", "1", "--for", "200ms", "--bin", "bulkhead-before="+filepath.Dir(string(b)))
	var table, progress bytes.Buffer
	c.Stdout, c.Stderr = &table, &progress
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	t.Logf("\n%s", table.String())
	dir := recordIn(t, out, verdict.File)
	if again, sentence, code := try("report", dir); code != 0 || again != table.String() {
		t.Errorf("report: exit %d %s; it prints\n%s", code, sentence, again)
	}
	d, err := verdict.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.End == nil || d.End.Why != "" || len(d.End.Notes) != 0 {
		t.Errorf("the record ends with %+v", d.End)
	}
	var got []string
	for _, s := range d.Samples {
		got = append(got, s.Row+" "+s.Subject+" "+s.Metric)
		if !(s.Value > 0) {
			t.Errorf("%+v", s)
		}
	}
	want := []string{"crr direct conn/s", "crr direct p50-us", "crr direct p99-us", "up1 direct MiB/s"}
	for _, subject := range []string{"bulkhead", "bulkhead-before", "splice"} {
		want = append(want, "up1 "+subject+" MiB/s", "idle "+subject+" bytes/conn")
		for _, side := range []string{"", "-A", "-B"} {
			want = append(want, "up1 "+subject+" cpu-s/GiB"+side)
		}
	}
	for _, subject := range []string{"bulkhead", "bulkhead-before", "bulkhead-pool-off", "splice"} {
		want = append(want, "crr "+subject+" conn/s", "crr "+subject+" p50-us", "crr "+subject+" p99-us")
		for _, side := range []string{"", "-A", "-B"} {
			want = append(want, "crr "+subject+" cpu-ms/1000"+side)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// datapathInterrupted keeps what it has.
func (b built) datapathInterrupted(t *testing.T) {
	c, out := b.command(t, "bench", "datapath", "--row", "up1", "--subject", "direct", "--rounds", "1000", "--for", "100ms")
	var table bytes.Buffer
	c.Stdout = &table
	progress, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := interruptAt(progress, "turns done", c.Process)
	err = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d (%v), want %d\n%s", code, err, exitInterrupted, said)
	}
	d, err := verdict.Open(recordIn(t, out, verdict.File))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Samples) == 0 || d.End == nil || d.End.Why == "" || !strings.Contains(table.String(), "MiB/s") {
		t.Errorf("%d samples, end %+v; printed %q", len(d.Samples), d.End, table.String())
	}
}
