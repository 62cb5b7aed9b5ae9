package h2

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// Floods of frames that cost work and move nothing. The peer is told to calm down, its
// tunnel ends, and nobody else notices.

// CVE-2019-9512, "ping flood".
func TestPingFlood(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error { return s.fr.WritePing(false, [8]byte{byte(i)}) })
	})
}

// Answers to PINGs that nobody sent.
func TestPingAckFlood(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error { return s.fr.WritePing(true, [8]byte{byte(i)}) })
	})
}

// CVE-2019-9515, "settings flood".
func TestSettingsFlood(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return s.fr.WriteSettings() })
	})
}

func TestSettingsAckFlood(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return s.fr.WriteSettingsAck() })
	})
}

// SETTINGS with thousands of entries, each of which is looked at.
func TestSettingsOfMany(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error {
			return s.fr.WriteSettings(make([]http2.Setting, 2000)...)
		})
	})
}

// CVE-2026-33814 (GO-2026-4918): MAX_FRAME_SIZE of 0 made x/net write CONTINUATION for ever.
func TestMaxFrameSizeOfZero(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeProtocol, func(uint32) error {
			return s.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize})
		})
	})
}

// CVE-2019-9518, "empty frames flood", on an open stream and on a closed one.
func TestEmptyDataFlood(t *testing.T) {
	for name, id := range map[string]uint32{"open stream": 1, "closed stream": 3} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return s.fr.WriteData(id, false, nil) })
			})
		})
		t.Run(name+", padded", func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error {
					return s.fr.WriteDataPadded(id, false, nil, make([]byte, i%200))
				})
			})
		})
	}
}

// CVE-2019-9513, "resource loop": priorities are not kept, so there is no tree to shuffle.
func TestPriorityFlood(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error {
			return s.fr.WritePriority(1+2*i, http2.PriorityParam{StreamDep: i, Exclusive: i%2 == 0, Weight: byte(i)})
		})
	})
}

// CVE-2015-8659, "dependency cycle": a stream that depends on itself changes nothing.
func TestPriorityLoop(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.bears(8, func(uint32) error { return s.fr.WritePriority(1, http2.PriorityParam{StreamDep: 1}) })
	})
}

// CVE-2026-27141 (GO-2026-4559): types that nobody asked for, those assigned after
// RFC 9113 among them (0x0a ALTSVC, 0x0c ORIGIN, 0x10 PRIORITY_UPDATE).
func TestUnknownFrames(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.bears(8*247, func(i uint32) error {
			typ, stream := http2.FrameType(9+i/8), i%4
			if typ < 0x0a {
				return nil
			}
			payload := make([]byte, i%8)
			if typ == 0x10 { // the one of them that the Framer knows (RFC 9218 section 7.1)
				payload, stream = []byte("\x00\x00\x00\x01u=1"), 0
			}
			return s.fr.WriteRawFrame(typ, http2.Flags(i*37), stream, payload)
		})
	})
}

func TestUnknownFramesFlood(t *testing.T) {
	for name, payload := range map[string][]byte{"empty": nil, "large": make([]byte, 16<<10)} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return s.fr.WriteRawFrame(0xbb, 0, 0, payload) })
			})
		})
	}
}

// A peer that says that it leaves, and does not. What it gives as its reason is kept
// in part: it goes into errors and logs.
func TestGoAwayFlood(t *testing.T) {
	for name, reason := range map[string]string{"bare": "", "with reasons": strings.Repeat("z", frameSize-8)} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error {
					return s.fr.WriteGoAway(1, http2.ErrCodeInternal, []byte(reason))
				})
			})
		})
	}
}

// PUSH_PROMISE was never allowed to either end.
func TestPushFlood(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeProtocol, func(i uint32) error {
			return s.fr.WriteRawFrame(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, []byte{0, 0, 0, byte(2 + 2*i)})
		})
	})
}
