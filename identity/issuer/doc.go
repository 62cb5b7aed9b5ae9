// Package issuer keeps one identity's SVID fresh: it makes the key where it is used, sends a CSR to a Signer, and does so
// again at half life.
//
//	i := issuer.New(id, signer, issuer.Options{Logger: log})
//	go i.Run(ctx)      // until ctx is done
//	<-i.Ready()        // the first SVID is there
//	identity.ServerTLS(i)
//
// Each rotation has a new key; a key is never written, sent or reused. When the Signer fails, the issuer tries again with
// growing, jittered pauses and keeps handing out the SVID that it has: a valid SVID is never thrown away because a CA is
// away. Once that one has expired, SVID fails with *identity.ExpiredError, and handshakes with it.
//
// The caller owns the Signer and ends Run by its context; Run starts no goroutine. SVID, Ready and Now may be called from
// anywhere at any time.
//
// The package links no net/http, so that a cell whose Signer is its channel to the keeper stays small. The client of the
// CA's HTTP API is identity/issuer/caclient.
//
// Limits: one identity per Issuer, one Run per Issuer; no persistence, a restart asks the CA again.
package issuer
