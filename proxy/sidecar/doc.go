// Package sidecar is the admin socket of a sidecar: what a keeper's says of many cells, of the
// one that it is. The same questions get the same answers, so that one tool asks both.
//
//	s := sidecar.New("a/web", feed, source, signing, log, level)
//	err := s.Serve(ctx, "/run/bulkhead/admin.sock")
//
//	GET /ready    200 when the workload is served, 503 before
//	GET /live     200 when the cell answers a ping through its loop, and a peer at its door; 503 when not: within 3 s
//	GET /cells    one, called sidecar/UID
//	GET /pods     one
//	GET /vitals   what the kernel says (package vitals)
//	GET /who      who shares what: nobody; its peers, how long its SVID lasts, and how it stands with control
//	GET /connections  what is open, and the endpoints that are set aside
//	GET /logging  from which level on it logs; POST sets it
//	GET /metrics  with the names and labels of a keeper's
//
// Nothing but the level of the log can be changed through it. A sidecar that is stopped answers nothing, and its
// kernel still takes the connection: that is how a caller tells a hang from an end.
package sidecar
