package rules

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// attributes are the netlink attributes of one level, by type, flags cut off.
type attributes map[uint16][]byte

// A MessageError is a netlink message that cannot be read.
type MessageError struct{ Reason string }

func (e *MessageError) Error() string { return "netlink message: " + e.Reason }

// eachAttribute calls visit for every attribute of b, in order.
func eachAttribute(b []byte, visit func(kind uint16, value []byte)) error {
	for len(b) > 0 {
		if len(b) < unix.SizeofNlAttr {
			return &MessageError{fmt.Sprintf("%d bytes are left over", len(b))}
		}
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return &MessageError{fmt.Sprintf("attribute of %d bytes in %d", size, len(b))}
		}
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		visit(kind, b[unix.SizeofNlAttr:size])
		b = b[min(len(b), (size+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
	return nil
}

func parseAttributes(b []byte) (attributes, error) {
	a := attributes{}
	err := eachAttribute(b, func(kind uint16, value []byte) { a[kind] = value })
	return a, err
}

// take returns a number in network order and strikes the attribute off: what is
// left in the end is what the reader did not understand.
func (a attributes) take(kind uint16) uint32 {
	value := a[kind]
	if len(value) != 4 {
		return 0 // left in a, unless it is not there at all
	}
	delete(a, kind)
	return binary.BigEndian.Uint32(value)
}

// takeData returns the value inside a nested NFTA_DATA_VALUE.
func (a attributes) takeData(kind uint16) []byte {
	inner, err := parseAttributes(a[kind])
	value, ok := inner[unix.NFTA_DATA_VALUE]
	if err != nil || !ok || len(inner) != 1 {
		return nil
	}
	delete(a, kind)
	return value
}

// takeVerdict returns the code inside NFTA_DATA_VERDICT.
func (a attributes) takeVerdict(kind uint16) (int32, bool) {
	inner, err := parseAttributes(a[kind])
	if err != nil || len(inner) != 1 {
		return 0, false
	}
	verdict, err := parseAttributes(inner[unix.NFTA_DATA_VERDICT])
	code, ok := verdict[unix.NFTA_VERDICT_CODE]
	if err != nil || !ok || len(verdict) != 1 || len(code) != 4 {
		return 0, false
	}
	delete(a, kind)
	return int32(binary.BigEndian.Uint32(code)), true
}
