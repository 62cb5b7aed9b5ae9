// Package wire says what can be wrong with a link, and delays what crosses it.
//
// # Usage
//
//	lab.Impair(ctx, "node-1", wire.Loss(3))
//	lab.Heal(ctx)
//
//	r := wire.NewRelay(a, b, wire.Delayed(50*time.Millisecond, urgent))
//	…
//	r.Close() // closes a and b
//
// # Impairments
//
// An Impairment is made by Loss, Cut, Limit or Delay, and none of them can make a wrong
// one; the zero value impairs nothing. It says nothing about how: the lab drops with
// nftables and delays with a Relay.
//
// # The relay
//
// A Relay copies Ethernet frames between two devices, each some time after it came. The
// kernel's netem would do that better, but many kernels are built without it, and where
// it is it delays sentinels as well, unless classes and filters are put around it: that
// would be a second way to do the same, of which each machine tests one. Frames keep
// their order, since all have the same delay. What waits is bounded, as netem's queue is: beyond it frames
// are dropped and counted.
//
// # Ownership
//
// A Relay owns its devices from NewRelay on, and two goroutines for each direction.
// Close ends all and returns when they have.
package wire
