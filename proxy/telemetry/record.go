package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Direction is which side of the proxy the connection is on.
type Direction string

const (
	Outbound  Direction = "outbound"
	Inbound   Direction = "inbound"   // over HBONE
	Plaintext Direction = "plaintext" // captured at the destination without mTLS
)

// Stage is how far along the straight path a connection came. The words are those
// of the diagram in docs/architecture.md.
type Stage string

const (
	StageAccept   Stage = "accept"
	StageVerify   Stage = "verify" // TLS handshake and the peer's SVID
	StageConnect  Stage = "connect"
	StageClassify Stage = "classify"
	StageResolve  Stage = "resolve"
	StagePolicy   Stage = "policy"
	StageTunnel   Stage = "tunnel"
	StageDial     Stage = "dial" // passthrough
	StageDeliver  Stage = "deliver"
	StageRelay    Stage = "relay"
)

// Record is one connection. The zero value plus Start and Direction is valid.
type Record struct {
	Start       time.Time
	Direction   Direction
	Stage       Stage
	Workload    string // the workload served: source when outbound, destination when inbound
	Source      netip.AddrPort
	Destination netip.AddrPort // original destination, or the CONNECT's authority
	HBONE       netip.AddrPort // the tunnel's far address (outbound) or ours (inbound)
	Next        netip.AddrPort // where the bytes went
	Peer        identity.ID    // verified identity of the other end
	PeerUID     string         // workload at the other end, when known
	PeerBaggage string         // what the other end says of itself
	Service     string
	DryRun      string // what policies of dry run would have decided, where that differs
	Traceparent string
	Tries       int   // endpoints tried, when outbound
	Status      int   // HTTP status of the CONNECT, 0 when there was none
	Sent        int64 // bytes towards the destination
	Received    int64
	Flag        Flag
	Err         error

	series *Series // once it is known
}

// Log keys. Those that ztunnel has too carry its names.
const (
	keySource      = "src.addr"
	keyDestination = "dst.addr"
	keyHBONE       = "dst.hbone_addr"
	keyNext        = "dst.next"
	keyService     = "dst.service"
	keyWorkload    = "workload"
	keyPeer        = "peer.identity"
	keyPeerUID     = "peer.workload"
	keyDirection   = "direction"
	keyStage       = "stage"
	keyStatus      = "status"
	keyTries       = "tries" // only when more than one
	keySent        = "bytes_sent"
	keyReceived    = "bytes_recv"
	keyDuration    = "duration"
	keyTrace       = "traceparent"
	keyError       = "error"
	keyDryRun      = "dry_run"
	keyReason      = "reason" // one word, of errors that have one
)

// line turns the record into one slog record; only keys that are known appear. They are
// collected first: slog.Record grows with every AddAttrs.
func (r *Record) line(now time.Time) slog.Record {
	level, message := slog.LevelInfo, "connection complete"
	if r.Err != nil {
		level, message = slog.LevelError, "connection failed"
	}
	a := make([]slog.Attr, 0, 18) // as many as there are keys
	a = append(a, slog.String(keyDirection, string(r.Direction)), slog.String(keyWorkload, r.Workload), slog.String(keyStage, string(r.Stage)))
	a = addAddr(a, keySource, r.Source)
	a = addAddr(a, keyDestination, r.Destination)
	a = addAddr(a, keyHBONE, r.HBONE)
	a = addAddr(a, keyNext, r.Next)
	a = addText(a, keyService, r.Service)
	if !r.Peer.IsZero() {
		a = append(a, slog.String(keyPeer, r.Peer.String()))
	}
	a = addText(a, keyPeerUID, r.PeerUID)
	a = addText(a, keyDryRun, r.DryRun)
	a = addText(a, keyTrace, r.Traceparent)
	if r.Status != 0 {
		a = append(a, slog.Int(keyStatus, r.Status))
	}
	if r.Tries > 1 {
		a = append(a, slog.Int(keyTries, r.Tries))
	}
	a = append(a, slog.Int64(keySent, r.Sent), slog.Int64(keyReceived, r.Received), slog.Duration(keyDuration, now.Sub(r.Start)))
	if r.Err != nil {
		a = append(a, slog.String(keyError, r.Err.Error()))
		a = addText(a, keyReason, r.reason())
	}
	l := slog.NewRecord(now, level, message, 0)
	l.AddAttrs(a...)
	return l
}

// reason is the word of an error that has one.
func (r *Record) reason() string {
	var why interface{ Reason() string }
	if errors.As(r.Err, &why) {
		return why.Reason()
	}
	return ""
}

func addAddr(to []slog.Attr, key string, a netip.AddrPort) []slog.Attr {
	if a.IsValid() {
		to = append(to, slog.String(key, a.String()))
	}
	return to
}

func addText(to []slog.Attr, key, v string) []slog.Attr {
	if v != "" {
		to = append(to, slog.String(key, v))
	}
	return to
}

// handle passes a finished line to h. Errors of a log handler have nowhere to go.
func handle(h slog.Handler, l slog.Record) {
	if h.Enabled(context.Background(), l.Level) {
		_ = h.Handle(context.Background(), l)
	}
}
