package h2

import (
	"fmt"

	"golang.org/x/net/http2"
)

// peerSettings is what the peer asked of us (RFC 9113 section 6.5.2). Guarded by conn.mu.
type peerSettings struct {
	maxStreams uint32 // how many streams we may open
	window     int64  // of new streams
	frameSize  int    // of what we send
}

func defaultPeer() peerSettings {
	// Until it says otherwise a peer has no limit on streams; ours holds then.
	return peerSettings{maxStreams: maxStreamID, window: initialWindow, frameSize: minFrameSize}
}

// queueGreeting queues what each end sends first: SETTINGS and the credit that
// brings the connection window to its real size. The client's preface goes
// before.
func (c *conn) queueGreeting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client() {
		c.openBatch()
		c.send.out.b = append(c.send.out.b, http2.ClientPreface...)
	}
	c.queue(control{kind: sendSettings})
	c.queue(control{kind: sendWindowUpdate, n: connWindow - initialWindow})
}

// ourSettings is the content of our SETTINGS.
func (c *conn) ourSettings() []http2.Setting {
	s := []http2.Setting{
		{ID: http2.SettingInitialWindowSize, Val: uint32(c.o.StreamWindow)},
		{ID: http2.SettingMaxFrameSize, Val: frameSize},
		{ID: http2.SettingMaxHeaderListSize, Val: c.headerLimit()},
	}
	if c.client() {
		return append(s, http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	}
	return append(s, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(c.o.MaxStreams)})
}

func (c *conn) headerLimit() uint32 {
	if c.client() {
		return clientHeaders
	}
	return serverHeaders
}

func (c *conn) recvSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil // ours hold from the first frame on; nothing waits for the ack
	}
	if f.NumSettings() > maxSettings {
		return calmError("SETTINGS with too many entries")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	window := c.peer.window
	err := f.ForeachSetting(func(s http2.Setting) error {
		if s.ID == http2.SettingInitialWindowSize && s.Val <= maxWindow {
			window = int64(s.Val) // the last one counts; the streams are visited once
			return nil
		}
		return c.applySetting(s)
	})
	if err != nil {
		return err
	}
	if err := c.moveWindows(window); err != nil {
		return err
	}
	if !c.recv.greeted {
		c.recv.greeted = true
		close(c.greeted)
	}
	return c.queueAck(control{kind: sendSettingsAck})
}

func (c *conn) applySetting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		code := http2.ErrCodeProtocol
		if s.ID == http2.SettingInitialWindowSize {
			code = http2.ErrCodeFlowControl // RFC 9113 section 6.5.2
		}
		return &ConnError{Local: true, Code: code, Reason: fmt.Sprintf("invalid setting %v", s)}
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.send.hpack.SetMaxDynamicTableSizeLimit(min(s.Val, hpackTable))
	case http2.SettingMaxConcurrentStreams:
		c.peer.maxStreams = s.Val
	case http2.SettingMaxFrameSize:
		c.peer.frameSize = int(s.Val)
	case http2.SettingEnablePush:
		if c.client() && s.Val != 0 {
			return protocolError("a server may not enable push") // RFC 9113 section 6.5.2
		}
	}
	return nil
}

// Limit is how many streams the dialling end may have open.
func (c *conn) Limit() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit()
}

func (c *conn) limit() int { return int(min(c.peer.maxStreams, clientStreams)) }
