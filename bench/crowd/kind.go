package crowd

// Kind is a crowd as the lab puts it together around the culprit's pod.
type Kind string

const (
	Mix         Kind = "mix"          // many connections out of the pod, half of them slow, and handshakes at its door
	Bulk        Kind = "bulk"         // a few connections out of the pod, as many bytes as they carry
	Connections Kind = "connections"  // new connections out of the pod, one after another
	Handshakes  Kind = "handshakes"   // TLS handshakes at the pod's door
	HalfOpen    Kind = "half-open"    // TLS handshakes at the pod's door that stop half-way and stay
	Burst       Kind = "burst"        // as half-open, with nothing to slow it down
	SlowReaders Kind = "slow-readers" // clients of the pod that ask for bulk and read next to nothing
)

// MaxTimes is how strong a crowd can be: so many times its usual self.
const MaxTimes = 8
