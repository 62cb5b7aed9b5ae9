package telemetry

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Owner is the workload that a record is written for.
type Owner struct {
	UID, Name, Namespace, Cluster string
	Identity                      identity.ID
}

// Log keys. Those that ztunnel has too carry its names; src. and dst. are the ends of the
// connection, so that the workload that writes is src when outbound and dst else.
const (
	keySource      = "src.addr"
	keyDestination = "dst.addr"
	keyHBONE       = "dst.hbone_addr"
	keyTransport   = "transport"
	keyNext        = "dst.next"
	keyService     = "dst.service"
	keyWorkload    = "workload"      // who writes: its UID
	keyPeerUID     = "peer.workload" // the other end's
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

// endKeys are what a line says of who is at an end.
type endKeys struct{ workload, namespace, identity, cluster string }

var (
	sourceKeys      = endKeys{"src.workload", "src.namespace", "src.identity", "src.cluster"}
	destinationKeys = endKeys{"dst.workload", "dst.namespace", "dst.identity", "dst.cluster"}
)

// level of the record's line.
func (r *Record) level() slog.Level {
	if r.Err != nil {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// line turns the record into one slog record; only keys that are known appear. They are
// collected first: slog.Record grows with every AddAttrs.
func (r *Record) line(now time.Time) slog.Record {
	message := "connection complete"
	if r.Err != nil {
		message = "connection failed"
	}
	scratch := scratches.Get().(*[maxKeys]slog.Attr)
	defer scratches.Put(scratch)
	a := r.who(scratch[:0])
	a = addText(a, keyDryRun, r.DryRun)
	if r.Status != 0 {
		a = append(a, slog.Int(keyStatus, r.Status))
	}
	if r.Tries > 1 {
		a = append(a, slog.Int(keyTries, r.Tries))
	}
	a = append(a, slog.Int64(keySent, r.Sent), slog.Int64(keyReceived, r.Received),
		slog.String(keyDuration, now.Sub(r.Start).Round(time.Microsecond).String())) // slog's would be a number in JSON, without its unit
	if r.Err != nil {
		a = append(a, slog.String(keyError, r.Err.Error()))
		a = addText(a, keyReason, r.reason())
	}
	l := slog.NewRecord(now, r.level(), message, 0)
	l.AddAttrs(a...)
	return l
}

// opened is the line of a connection that begins to carry bytes.
func (r *Record) opened(now time.Time) slog.Record {
	l := slog.NewRecord(now, slog.LevelDebug, "connection opened", 0)
	l.AddAttrs(r.who(nil)...)
	return l
}

// maxKeys is how many keys there are.
const maxKeys = 27

// scratches are where lines are collected: a slog.Record copies what it is given, so that
// each line would leave a kilobyte of garbage.
var scratches = sync.Pool{New: func() any { return new([maxKeys]slog.Attr) }}

// who adds the attributes that a connection has from the beginning.
func (r *Record) who(a []slog.Attr) []slog.Attr {
	a = append(a, slog.String(keyDirection, string(r.Direction)), slog.String(keyWorkload, r.Workload), slog.String(keyStage, string(r.Stage)))
	own, other := destinationKeys, sourceKeys
	if r.Direction == Outbound {
		own, other = sourceKeys, destinationKeys
	}
	a = addAddr(a, keySource, r.Source)
	a = addAddr(a, keyDestination, r.Destination)
	a = addAddr(a, keyHBONE, r.HBONE)
	a = addAddr(a, keyNext, r.Next)
	a = addText(a, keyService, r.Service)
	a = r.addOwn(a, own)
	a = r.addPeer(a, other)
	a = addText(a, keyPeerUID, r.PeerUID)
	if r.QUIC {
		a = append(a, slog.String(keyTransport, "quic"))
	}
	return addText(a, keyTrace, r.Traceparent)
}

func (r *Record) addOwn(a []slog.Attr, k endKeys) []slog.Attr {
	if r.Owner == nil {
		return a
	}
	a = addText(a, k.workload, r.Owner.Name)
	a = addText(a, k.namespace, r.Owner.Namespace)
	a = addText(a, k.cluster, r.Owner.Cluster)
	if !r.Peer.IsZero() { // it is of a connection with mTLS only that identities are said
		a = addText(a, k.identity, r.Owner.Identity.String())
	}
	return a
}

// addPeer takes what the peer says of itself, else what its UID and its identity say.
func (r *Record) addPeer(a []slog.Attr, k endKeys) []slog.Attr {
	name := r.PeerUID[strings.LastIndexByte(r.PeerUID, '/')+1:]
	namespace, cluster := r.Peer.Namespace(), ""
	if s := r.series; s != nil {
		name = cmp.Or(name, s.said.Workload, s.said.Service)
		namespace = cmp.Or(namespace, s.said.Namespace)
		cluster = s.said.Cluster
	}
	a = addText(a, k.workload, name)
	a = addText(a, k.namespace, namespace)
	a = addText(a, k.cluster, cluster)
	return addText(a, k.identity, r.Peer.String())
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
func handle(h slog.Handler, l slog.Record) { _ = h.Handle(context.Background(), l) }
