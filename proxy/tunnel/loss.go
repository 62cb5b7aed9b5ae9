package tunnel

// Loss is why the next streams to a peer go over the transport that always passes, though the peer
// has announced a better one. Its String is its name in metrics.
type Loss uint8

const (
	Kept        Loss = iota // nothing was lost: the tunnel ended in order
	Unreachable             // no tunnel could be made
	Silent                  // packets were sent and none came back
	Restarted               // the peer does not know of the tunnel any more
	TimedOut                // nothing came for as long as an idle tunnel may be silent
	Broken                  // an error of protocol at either end
	Crowded                 // no tunnel was made, since one of the ends has no room for another
	Losses                  // how many there are
)

var losses = [Losses]string{"kept", "unreachable", "silent", "restarted", "timed-out", "broken", "crowded"}

func (l Loss) String() string { return losses[l] }

// Losing is a tunnel that says how it ended.
type Losing interface {
	// Loss is called after Done.
	Loss() Loss
}
