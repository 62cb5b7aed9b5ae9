// Package xnet is a pair of proxies on golang.org/x/net/http2: what one gets who takes the library as it is and sets
// every knob that it has.
//
//	err := xnet.Client(ctx, listener, "10.0.0.2:15008", files) // plain connections in, CONNECT streams out
//	err := xnet.Server(ctx, listener, "127.0.0.1:9000", files) // CONNECT streams in, plain connections out
//
// All connections share one tunnel. Set: frames of 1 MiB, stream windows of 4 MiB, a connection window of 256 MiB,
// copies of 64 KiB, reads of 64 KiB under TLS, no dynamic record sizes. Without them it is slower by a third.
//
// The library cannot end an answer before its handler returns. Here it returns when the application has ended, which cuts
// what the client still sends: an application that half-closes first is closed. The other way round nothing is cut.
//
// Client and Server own the listener and all connections, and have closed them when they return.
package xnet
