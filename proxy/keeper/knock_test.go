package keeper

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// A cell that answers pings and serves nobody is what a knock is for: /live says so, and
// with liveness.knock the cell is killed and its successor serves. The control: without
// knock it stays as it is.
func TestAHalfDeadCellIsNoticedByAKnock(t *testing.T) {
	for _, knock := range []string{"200ms", "0s"} {
		t.Run("knock "+knock, func(t *testing.T) {
			n := startNode(t, "isolation: shared\nliveness: {knock: "+knock+", misses: 2}\n", "--allow-faults")
			n.echo(t)
			if err := n.call(t, "GET", "/live", nil, nil); err != nil {
				t.Fatal(err)
			}
			before := n.cellOf(t, "a/server")
			if err := n.call(t, "POST", "/faults", order("a/server", "half-dead", int64(time.Minute)), nil); err != nil {
				t.Fatal(err)
			}
			if knock == "0s" {
				eventually(t, "live says that the cell is half dead", func() error {
					err := n.call(t, "GET", "/live", nil, nil)
					if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "shared") {
						return errors.Join(errors.New("it does not"), err)
					}
					return nil
				})
				if now := n.cellOf(t, "a/server"); now.PID != before.PID {
					t.Errorf("pid %d, was %d", now.PID, before.PID)
				}
				return
			}
			eventually(t, "the cell is replaced", func() error {
				if now := n.cellOf(t, "a/server"); now.PID == before.PID {
					return errors.New("the half-dead one still serves")
				}
				return n.call(t, "DELETE", "/faults?workload=a/server", nil, nil)
			})
			eventually(t, "it serves", n.roundTrip)
		})
	}
}

// What was found is a metric, and so is that nothing was.
func TestPeriodicVerification(t *testing.T) {
	n := startNode(t, "isolation: workload\nverify: {every: 200ms}\nliveness: {\"off\": true}\n")
	has := func(line string) func() error {
		return func() error {
			resp, err := n.admin.Get("http://node/metrics")
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err == nil && !strings.Contains(string(b), line) {
				err = errors.New("no " + line)
			}
			return err
		}
	}
	eventually(t, "nothing is found", has(`bulkhead_verify_findings{check="rules"} 0`))
	if err := rules.Release(n.B); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rules are found", has(`bulkhead_verify_findings{check="rules"} 1`))
	if err := rules.Install(n.B, planOf("", "")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is found again", has(`bulkhead_verify_findings{check="rules"} 0`))
	if said := strings.Count(n.stderr.String(), "is not as it must be"); said != 1 {
		t.Errorf("it was said %d times", said)
	}
}

// Open connections are listed at both ends, with what passed so far, and who shares a cell
// is said with its peers.
func TestOpenConnectionsAreListed(t *testing.T) {
	n := startNode(t, "isolation: workload")
	n.echo(t)
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := say(c, "hello"); err != nil {
		t.Fatal(err)
	}
	var all []admin.Connections
	if err := n.call(t, "GET", "/connections", nil, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Open != 1 || all[1].Open != 1 {
		t.Fatalf("%+v", all)
	}
	out, in := all[0].Connections[0], all[1].Connections[0]
	if out.Direction != "outbound" || out.PeerUID != "a/server" || !out.Tunnel || out.Sent != 5 || in.Direction != "inbound" || in.Peer != "spiffe://cluster.local/ns/a/sa/client" || in.Actual.Port() != 8080 {
		t.Errorf("outbound %+v\ninbound %+v", out, in)
	}
	if cell, _ := shares(t, n.who(t), "a/client"); len(cell.Peers) != 1 || cell.Peers[0].Workload != "a/server" || cell.Peers[0].Open != 1 || cell.Peers[0].Node == "" {
		t.Errorf("%+v", cell.Peers)
	}
	var quick admin.Node
	if err := n.call(t, "GET", "/who?peers=no", nil, &quick); err != nil {
		t.Fatal(err)
	}
	if cell, _ := shares(t, quick, "a/client"); len(cell.Workloads) == 0 || len(cell.Peers) > 0 {
		t.Errorf("cells were asked for peers that nobody wants: %+v", cell)
	}
	if err := n.call(t, "GET", "/connections?workload=a/nobody", nil, &all); err != nil || len(all) != 0 {
		t.Errorf("%v, %+v", err, all)
	}
}
