// Package hbone holds the facts of the HBONE wire, and nothing that moves bytes.
//
// HBONE is a plain HTTP/2 CONNECT (RFC 9113 section 8.5) or HTTP/3 CONNECT
// (RFC 9114 section 4.4) inside mutually authenticated TLS 1.3. The request
// names its destination in :authority and carries three informative headers;
// the answer is a status, 200 being the only one that opens the stream.
//
//	:method: CONNECT
//	:authority: 10.244.1.3:8080
//	baggage: k8s.cluster.name=one,k8s.namespace.name=tenant-a,…
//	forwarded: for="10.244.2.7:41234"
//	traceparent: 00-<32 hex>-<16 hex>-00
//
// A transport fills a [Head] from what arrived; the inbound side asks
// [Head.Authority] where the stream wants to go, and answers
// [StatusBadRequest] when that fails. The outbound side builds a Head with
// [ForwardedFor], [NewTraceparent] and [Baggage.Encode].
//
// Everything here is a value: nothing blocks, nothing must be closed, and all
// of it may be used from any goroutine. Every parser takes bytes that a
// stranger chose; each is fuzzed, and what it accepts it can print again.
//
// Limits: extended CONNECT (RFC 8441) and x-forwarded-network are not spoken.
package hbone
