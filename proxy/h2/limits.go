package h2

import "time"

// Specification constants (RFC 9113 sections 6.5.2 and 6.9.2).
const (
	initialWindow = 65535     // of the connection, and of streams until SETTINGS say otherwise
	maxWindow     = 1<<31 - 1 // no window may exceed it
	minFrameSize  = 16384     // every endpoint must take frames of this size
	maxStreamID   = 1<<31 - 1
)

// What we advertise and how we behave.
const (
	// streamWindow is what a peer may send ahead of one stalled reader, and so what
	// one stream can cost in memory, unless it is a bulk transfer (flow.go).
	streamWindow = 256 << 10

	// pressedWindow is what a peer may send ahead while its workload's budget of
	// bytes is half used.
	pressedWindow = 32 << 10

	// connWindow only has to be larger than what is in flight: connection
	// credit is given back when DATA arrives, not when it is read (flow.go).
	connWindow = 16 << 20
	connCredit = 1 << 20 // given back in portions of this

	// frameSize is what peers may send in one frame. Larger ones would gain nothing, since
	// a TLS record holds no more, and the Framer keeps a buffer of the largest that came.
	frameSize = minFrameSize

	serverStreams = 200       // MAX_CONCURRENT_STREAMS of the accepting end
	clientStreams = 100       // the most that the dialling end opens, whatever the peer allows
	serverHeaders = 64 << 10  // MAX_HEADER_LIST_SIZE of the accepting end
	clientHeaders = 16 << 10  // ditto of the dialling end
	hpackTable    = 4096      // HEADER_TABLE_SIZE, the default of RFC 9113
	batchSize     = 128 << 10 // frames put together into one write

	// yieldBelow is what a batch has of small frames at most: those of sixteen requests.
	yieldBelow = 4 << 10

	// dataSize makes frame header and payload one TLS record of 16 KiB; a
	// payload of 16,384 bytes would cost a second, tiny record each time.
	dataSize = minFrameSize - frameHeaderSize

	frameHeaderSize = 9
)

// What a peer may do before it is told ENHANCE_YOUR_CALM, beside tunnel.Noise and tunnel.Resets. RFC 9113 section 10.5
// leaves the numbers to us: they are far above what an honest proxy does and
// far below what hurts.
const (
	maxAcks       = 100  // PING and SETTINGS answers that it does not collect
	maxControl    = 4096 // control frames of any kind that wait to be sent
	openControl   = 512  // with more than this waiting, no further stream is opened
	keptControl   = 64   // frames that an idle tunnel has room for
	keptGathered  = 16   // ditto streams
	maxBlockParts = 16   // frames of one header block
	maxSettings   = 32   // entries of one SETTINGS frame
	maxDebug      = 256  // bytes kept of a GOAWAY's reason: it goes into errors and logs
	keptBlock     = 4096 // a buffer for header blocks that grew larger is not kept

	// Frames cross the end of their stream, at whatever rate streams come and go: each
	// stream brings a few that are free, and unused ones add up to latest.
	latePerStream = 8
	latest        = 2000
)

// grantLate makes room for what may cross the end of one more stream.
func (s *recvState) grantLate() { s.late = min(s.late+latePerStream, latest) }

// lateFrame charges a frame on a stream that is closed, which moves nothing; err is
// what lookup said of the stream. The caller is recvLoop.
func (c *conn) lateFrame(err error) error {
	switch {
	case err != nil:
		return err
	case c.recv.late > 0:
		c.recv.late--
	case !c.recv.noise.Spend(time.Now(), 1):
		return calmError("too many frames on closed streams")
	}
	return nil
}
