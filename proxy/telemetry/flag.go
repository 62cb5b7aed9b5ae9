package telemetry

// Flag is why a connection ended, in the few words that Istio's label response_flags has.
// A record says it exactly (stage, error, reason); this is for dashboards.
type Flag uint8

const (
	FlagNone          Flag = iota // it ended well, or for no reason that has a word
	FlagDeny                      // a policy does not allow it
	FlagConnect                   // nobody took the TCP connection
	FlagTLS                       // no TLS with the peer
	FlagH2                        // TLS, but no tunnel
	FlagNetworkPolicy             // nobody answers on the HBONE port: it may be blocked
	FlagIdentity                  // no valid SVID of our own
	flags
)

// flagNames are ztunnel's.
var flagNames = [flags]string{"-", "DENY", "CONNECT", "TLS_FAILURE", "H2_HANDSHAKE_FAILURE", "NETWORK_POLICY", "IDENTITY_ERROR"}

func (f Flag) String() string { return flagNames[f] }

// Flags are all of them.
func Flags() []Flag {
	all := make([]Flag, flags)
	for f := range flags {
		all[f] = f
	}
	return all
}

// ByFlag is one number for each Flag.
type ByFlag [flags]uint64

// Sum is that of all flags.
func (b ByFlag) Sum() (n uint64) {
	for _, x := range b {
		n += x
	}
	return n
}

// since is how much each has grown; one that has not, because the counter is another,
// counts from zero.
func (b ByFlag) since(last ByFlag) (d ByFlag) {
	for f := range b {
		d[f] = Grown(b[f], last[f])
	}
	return d
}

// Grown is the growth of a counter that begins anew when it is smaller than before.
func Grown(now, last uint64) uint64 {
	if now < last {
		return now
	}
	return now - last
}
