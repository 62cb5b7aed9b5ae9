package keeper

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// elsewhere is the address that the client's pod gets; settled is one that it keeps, from which its application
// speaks: what an application has open from an address that is gone is lost to it, tunnels or not.
var elsewhere, settled = netip.MustParseAddr("10.77.0.77"), netip.MustParseAddr("10.99.0.1")

// I6: the client's pod gets another address amid a transfer. Its tunnel goes on if it may migrate and policy lets it
// in from there; else it ends, and says why. New connections are made from the new address in each case.
func TestAPodsAddressChanges(t *testing.T) {
	deny := "policies:\n- {name: not-from-there, namespace: a, scope: namespace, action: DENY, rules: [{sourceIPs: [" + elsewhere.String() + "/32], ports: [" + strconv.Itoa(transferPort) + "]}]}\n"
	for _, c := range []struct {
		name, tunnels, policies string
		said                    []string
		goesOn                  bool
	}{
		{"it may", migrateOn, "", []string{`"msg":"peer moved"`}, true},
		{"it may not", quicOn, "", []string{`"msg":"peer moved: its tunnel ends"`}, false},
		{"policy denies what comes from there", migrateOn, deny, []string{`"direction":"inbound"`, `"transport":"quic"`, "not-from-there"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := startNode(t, "isolation: workload\n"+c.tunnels)
			n.write(t, "mesh.yaml", n.meshFile()+c.policies)
			n.echo(t)
			begun := n.hashing(t)
			n.Settle(t, settled)
			x := n.transferOverQUIC(t)
			<-begun // or its stream would be refused in the tunnel that moved, and be opened in another
			n.Readdress(t, elsewhere, nil)
			n.write(t, "mesh.yaml", n.meshFile()+c.policies)
			eventually(t, "the server's cell says so", func() error {
				if !n.lineHas(c.said...) {
					return errors.New("no line")
				}
				return nil
			})
			if c.goesOn {
				x.finish(t)
			} else {
				x.ends(t)
			}
			eventually(t, "a connection from the new address", n.once)
		})
	}
}

// ends wants the transfer to fail, in the end.
func (x *transfer) ends(t *testing.T) {
	t.Helper()
	select {
	case err := <-x.done:
		if err == nil {
			t.Error("the transfer was carried to its end")
		}
	case <-time.After(patience):
		t.Fatal("the transfer goes on")
	}
}

// transferOverQUIC begins a transfer once connections from the settled address go over QUIC.
func (n *node) transferOverQUIC(t *testing.T) *transfer {
	t.Helper()
	before := n.carried("outbound")
	eventually(t, "a connection from "+settled.String()+" goes over QUIC", func() error {
		c, err := n.A.Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(n.B4, 8080), Source: settled})
		if err != nil {
			return err
		}
		defer c.Close()
		if err := say(c, "once"); err != nil {
			return err
		}
		if n.carried("outbound") == before {
			return errors.New("over HTTP/2 so far")
		}
		return nil
	})
	return n.transferFrom(t, settled)
}
