package keeper

import (
	"cmp"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// getConfigDump answers what the keeper knows. The mesh is an immutable snapshot, so that
// reading it, however large, holds up nobody.
func (k *Keeper) getConfigDump(w http.ResponseWriter, r *http.Request) {
	s := k.snapshot.Load()
	d := admin.Dump{Policies: dumpPolicies(s), Version: buildVersion(), Static: admin.DumpStatic{Workloads: []admin.DumpWorkload{}, Services: []admin.DumpService{}, Policies: []admin.DumpPolicy{}}, Certificates: []admin.DumpCertificate{}}
	d.Workloads = dumpWorkloads(s)
	d.Services, d.Staged = dumpServices(s)
	k.do(func() {
		d.Config = k.config
		d.State = k.dumpState()
		for _, c := range k.cells {
			if c.current != nil {
				d.Certificates = append(d.Certificates, k.dumpCertificates(c, s, time.Now())...)
			}
		}
	})
	for _, c := range k.connections(r.Context(), "") {
		if state, ok := d.State[c.Workload]; ok {
			addConnections(&state.Connections, c)
			d.State[c.Workload] = state
		}
	}
	slices.SortFunc(d.Certificates, func(a, b admin.DumpCertificate) int {
		return cmp.Or(cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.Cell, b.Cell))
	})
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(d) // the caller has gone if this fails
}

func (k *Keeper) dumpState() map[string]admin.DumpState {
	all := map[string]admin.DumpState{}
	for uid, p := range k.pods {
		state := "Pending"
		if p.isServed() || p.placed.outside() {
			state = "Up"
		}
		all[uid] = admin.DumpState{
			State: state, Cell: p.cell.group,
			Info:        admin.DumpInfo{Name: p.Name, Namespace: p.Namespace, ServiceAccount: p.ServiceAccount},
			Connections: admin.DumpConnections{Inbound: []admin.DumpConnection{}, Outbound: []admin.DumpConnection{}},
		}
	}
	return all
}

func addConnections(to *admin.DumpConnections, from admin.Connections) {
	to.Error = cmp.Or(to.Error, from.Error)
	for _, c := range from.Connections {
		one := admin.DumpConnection{Source: c.Source, Destination: c.Destination, Actual: c.Actual, Protocol: mesh.TCP.String()}
		if c.Tunnel {
			one.Protocol = mesh.HBONE.String()
		}
		if c.Direction == string(telemetry.Outbound) {
			to.Outbound = append(to.Outbound, one)
		} else {
			to.Inbound = append(to.Inbound, one)
		}
	}
}

// dumpCertificates are those of the identities that a cell's newest process serves.
func (k *Keeper) dumpCertificates(c *keptCell, s *mesh.Snapshot, now time.Time) []admin.DumpCertificate {
	var all []admin.DumpCertificate
	for uid := range c.current.snapshot() {
		w, known := workloadOf(s, uid)
		if !known || slices.ContainsFunc(all, func(d admin.DumpCertificate) bool { return d.Identity == w.Identity.String() }) {
			continue
		}
		one := c.current.issued.of(w.Identity)
		d := admin.DumpCertificate{Identity: w.Identity.String(), Cell: c.group, Chain: readable(one.chain), Roots: readable(one.roots)}
		if end, holds := c.current.svids[w.Identity]; holds {
			d.Until = &end
		} else if len(d.Chain) > 0 {
			d.Until = &d.Chain[0].Until
		}
		switch {
		case d.Until != nil && d.Until.After(now):
			d.State = "Available"
		case one.failure != "":
			d.State = "Unavailable: " + one.failure
		case d.Until != nil:
			d.State = "Unavailable: it has ended"
		default:
			d.State = "Initializing"
		}
		all = append(all, d)
	}
	return all
}

// buildVersion is read out of the executable: nothing has to be stamped into it.
func buildVersion() admin.DumpVersion {
	v := admin.DumpVersion{CryptoProvider: "crypto/tls"}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version, v.GoVersion = b.Main.Version, b.GoVersion
	for _, s := range b.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.GitRevision = s.Value
		case s.Key == "vcs.modified" && s.Value == "false":
			v.BuildStatus = "Clean"
		case s.Key == "vcs.modified":
			v.BuildStatus = "Modified"
		}
	}
	return v
}
