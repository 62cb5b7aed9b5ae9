package proxy

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Probed is what the workload answers to who is allowed to ask on redirect.ProbePort: that
// it was served, by the same path as everybody, and what it is judged by.
type Probed struct {
	Workload   string `json:"workload"`
	Generation string `json:"generation,omitempty"` // of its policies in force
}

// probeTimeout is for the peer to say that it asks nothing more.
const probeTimeout = 2 * time.Second

// errProbed ends a connection that asked and was answered: there is nothing to relay.
var errProbed = errors.New("the probe is answered")

// answerProbe accepts the stream and answers on it.
func (w *Workload) answerProbe(in tunnel.Incoming) error {
	stream, err := in.Accept(hbone.Header{})
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := stream.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(stream, 1)); err != nil {
		return err
	}
	if err := w.writeProbed(stream); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	return errProbed
}

// answerPlaintextProbe judges a connection without identity by the workload's own
// policies, and answers only if plaintext may reach it. That some other policy would deny
// it says nothing about mTLS.
func (w *Workload) answerPlaintextProbe(c net.Conn, r *telemetry.Record) error {
	r.Stage = telemetry.StagePolicy
	r.Destination = netip.AddrPortFrom(w.Config.Workload.Address(), redirect.ProbePort)
	d := w.view.Load().Policies.Decide(mesh.Connection{Source: r.Source.Addr(), Destination: r.Destination})
	if d.Reason == mesh.ReasonPlaintext {
		return &PolicyError{d}
	}
	if err := c.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	defer c.Close()
	if err := w.writeProbed(c); err != nil {
		return err
	}
	return errProbed
}

func (w *Workload) writeProbed(to io.Writer) error {
	return json.NewEncoder(to).Encode(Probed{Workload: w.Config.Workload.UID, Generation: w.Generation()})
}
