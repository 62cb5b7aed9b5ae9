package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/identity/workloadapi"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/sidecar"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// identities is where the pod's SVID comes from: a CA signs for keys that are made here, or
// an agent has keys and SVIDs.
type identities struct {
	signer  issuer.Signer
	keys    func(identity.ID) cell.Keys // nil: those of the signer
	signing sidecar.Signing
	close   func()
}

func (c sidecarConfig) identities(log *slog.Logger) (*identities, error) {
	if c.Agent != "" {
		a := &agent{address: c.Agent, log: log}
		return &identities{signer: a, keys: a.keys, signing: a, close: func() {}}, nil
	}
	signer, err := caclient.New(c.CA, caclient.Itself)
	if err != nil {
		return nil, err
	}
	signing := vitals.NewSigning(signer)
	return &identities{signer: signing, signing: signing, close: func() { signer.Close() }}, nil
}

// agent is a Workload API. The cell asks for one identity: the pod's.
type agent struct {
	address string
	log     *slog.Logger
	source  atomic.Pointer[workloadapi.Source]
}

func (a *agent) keys(id identity.ID) cell.Keys {
	s := workloadapi.New(id, a.address, a.log)
	a.source.Store(s)
	return s
}

// CA says to operators how asking goes, in the words for a CA: it has that part.
func (a *agent) CA() vitals.CA {
	s := a.source.Load()
	if s == nil {
		return vitals.CA{}
	}
	taken, outage := s.Taken()
	ca := vitals.CA{Signed: taken, Dates: s.Dates()}
	if outage != nil {
		ca.Failing, ca.Since, ca.Error = outage.Attempts, outage.Since, outage.Err.Error()
	}
	return ca
}

var errNoCA = errors.New("SVIDs are from an agent: no CA is asked")

// Sign is never called: the agent makes the keys.
func (a *agent) Sign(context.Context, identity.ID, []byte) (chain, roots [][]byte, err error) {
	return nil, nil, errNoCA
}
