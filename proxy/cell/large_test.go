package cell

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

func TestAMessageThatNoPacketHolds(t *testing.T) {
	for _, size := range []int{1, channel.MaxPacket, 10 * channel.MaxPacket} {
		said := &Message{Answer: &Answer{ID: 7, Error: strings.Repeat("x", size)}}
		p, err := Pack(said)
		if err != nil {
			t.Fatal(err)
		}
		if large := size >= channel.MaxPacket; len(p.Bytes) > channel.MaxPacket || large != (p.Memory != nil) {
			t.Errorf("%d: a packet of %d bytes, memory %v", size, len(p.Bytes), p.Memory)
		}
		var files []*os.File
		if p.Memory != nil {
			files = append(files, p.Memory)
		}
		m, own, err := Unpack(p.Bytes, files)
		if err != nil || len(own) > 0 || m.Answer == nil || m.Answer.ID != 7 || m.Answer.Error != said.Answer.Error {
			t.Errorf("%d: %v, %d descriptors left", size, err, len(own))
		}
	}
	var large *TooLargeError
	if _, err := Pack(&Message{Answer: &Answer{Error: strings.Repeat("x", MaxMessage)}}); !errors.As(err, &large) || large.Bytes <= MaxMessage {
		t.Errorf("more than MaxMessage: %v", err)
	}
}

func TestALargeThatIsNone(t *testing.T) {
	whole, err := Encode(&Message{Answer: &Answer{Error: strings.Repeat("x", 2*channel.MaxPacket)}})
	if err != nil {
		t.Fatal(err)
	}
	nested := []byte(`{"large":{"bytes":100000}}` + strings.Repeat(" ", 99974))
	for name, c := range map[string]struct {
		bytes  int64
		memory []byte // nil: no descriptor
	}{
		"no descriptor":         {int64(len(whole)), nil},
		"shorter than said":     {int64(len(whole)) + 1, whole},
		"longer than said":      {int64(len(whole)) - 1, whole},
		"negative":              {-1, whole},
		"a packet would do":     {100, whole},
		"more than is allowed":  {MaxMessage + 1, whole},
		"another one within it": {100_000, nested},
	} {
		t.Run(name, func(t *testing.T) {
			var files []*os.File
			if c.memory != nil {
				f, err := remember(c.memory)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			packet, err := Encode(&Message{Large: &Large{Bytes: c.bytes}})
			if err != nil {
				t.Fatal(err)
			}
			m, left, err := Unpack(packet, files)
			var malformed *MalformedError
			if m != nil || !errors.As(err, &malformed) || len(left) != len(files) {
				t.Errorf("got %+v, %v, %d descriptors", m, err, len(left))
			}
			for _, f := range left {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
