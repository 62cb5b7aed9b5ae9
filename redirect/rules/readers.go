package rules

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

var metaOperands = map[uint32]operand{
	unix.NFT_META_MARK:    {"meta mark", writeMark, " "},
	unix.NFT_META_IIFNAME: {"iifname", writeInterface, " "},
	unix.NFT_META_OIFNAME: {"oifname", writeInterface, " "},
	unix.NFT_META_L4PROTO: {"meta l4proto", writeTransport, " "},
	unix.NFT_META_NFPROTO: {"meta nfproto", writeNetwork, " "},
}

var ctOperands = map[uint32]operand{
	unix.NFT_CT_MARK:      {"ct mark", writeMark, " "},
	unix.NFT_CT_DIRECTION: {"ct direction", writeDirection, " "},
	unix.NFT_CT_STATE:     {"ct state", writeMark, " "},
}

func (s *sentence) meta(a attributes) bool {
	key, to, from := a.take(unix.NFTA_META_KEY), a.take(unix.NFTA_META_DREG), a.take(unix.NFTA_META_SREG)
	return s.loadOrSet(metaOperands[key], to, from)
}

func (s *sentence) ct(a attributes) bool {
	key, to, from := a.take(unix.NFTA_CT_KEY), a.take(unix.NFTA_CT_DREG), a.take(unix.NFTA_CT_SREG)
	if key == unix.NFT_CT_ZONE {
		return s.zone(a, to, from)
	}
	return s.loadOrSet(ctOperands[key], to, from)
}

// zone knows one of its forms: a given number is set, for one direction.
func (s *sentence) zone(a attributes, to, from uint32) bool {
	direction := writeDirection(a[unix.NFTA_CT_DIRECTION])
	if to != 0 || from != register || s.value.given == nil || !slices.Contains([]string{"original", "reply"}, direction) {
		return false
	}
	delete(a, unix.NFTA_CT_DIRECTION)
	s.say("ct " + direction + " zone set " + writeZone(s.value.given))
	return true
}

func (s *sentence) loadOrSet(o operand, to, from uint32) bool {
	switch {
	case o.write == nil:
		return false
	case to == register && from == 0:
		s.value = loaded{operand: o}
		return true
	case to == 0 && from == register && s.value.write != nil:
		s.say(o.text + " set " + s.value.text)
		return true
	}
	return false
}

// fib knows one of its many forms: what kind of address the source is.
func (s *sentence) fib(a attributes) bool {
	to, result, flags := a.take(unix.NFTA_FIB_DREG), a.take(unix.NFTA_FIB_RESULT), a.take(unix.NFTA_FIB_FLAGS)
	if to != register || result != unix.NFT_FIB_RESULT_ADDRTYPE || flags != unix.NFTA_FIB_F_SADDR {
		return false
	}
	s.value = loaded{operand: operand{"fib saddr type", writeAddressType, " "}}
	return true
}

type field struct {
	implied           string
	base, offset, len uint32
}

var fields = map[field]operand{
	{"meta l4proto tcp", unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2}:            {"tcp dport", writePort, " "},
	{"meta nfproto ipv4", unix.NFT_PAYLOAD_NETWORK_HEADER, source4, 4}:       {"ip saddr", writeAddress, " "},
	{"meta nfproto ipv4", unix.NFT_PAYLOAD_NETWORK_HEADER, destination4, 4}:  {"ip daddr", writeAddress, " "},
	{"meta nfproto ipv6", unix.NFT_PAYLOAD_NETWORK_HEADER, source6, 16}:      {"ip6 saddr", writeAddress, " "},
	{"meta nfproto ipv6", unix.NFT_PAYLOAD_NETWORK_HEADER, destination6, 16}: {"ip6 daddr", writeAddress, " "},
}

// payload knows the fields that our rules use, after the protocol match that
// makes sense of them; nft leaves that match out, and so do we.
func (s *sentence) payload(a attributes) bool {
	f := field{s.implied, a.take(unix.NFTA_PAYLOAD_BASE), a.take(unix.NFTA_PAYLOAD_OFFSET), a.take(unix.NFTA_PAYLOAD_LEN)}
	o, known := fields[f]
	if a.take(unix.NFTA_PAYLOAD_DREG) != register || !known {
		return false
	}
	s.implied = ""
	s.value = loaded{operand: o}
	return true
}

// nftaBitwiseOp is NFTA_BITWISE_OP of linux/netfilter/nf_tables.h; zero is mask and xor.
const nftaBitwiseOp = 6

func (s *sentence) bitwise(a attributes) bool {
	from, to := a.take(unix.NFTA_BITWISE_SREG), a.take(unix.NFTA_BITWISE_DREG)
	size, op := a.take(unix.NFTA_BITWISE_LEN), a.take(nftaBitwiseOp)
	mask, xor := a.takeData(unix.NFTA_BITWISE_MASK), a.takeData(unix.NFTA_BITWISE_XOR)
	if from != register || to != register || op != 0 || size != 4 || len(mask) != 4 || len(xor) != 4 || s.value.write == nil {
		return false
	}
	text := s.value.text + " & " + writeMark(mask)
	switch m, x := binary.NativeEndian.Uint32(mask), binary.NativeEndian.Uint32(xor); {
	case x == 0:
	case m&x == 0:
		text += " | " + writeMark(xor)
	default:
		text += " ^ " + writeMark(xor)
	}
	s.value = loaded{operand: operand{text, s.value.write, " == "}}
	return true
}

func (s *sentence) compare(a attributes) bool {
	from, op, data := a.take(unix.NFTA_CMP_SREG), a.take(unix.NFTA_CMP_OP), a.takeData(unix.NFTA_CMP_DATA)
	if from != register || s.value.write == nil || len(data) == 0 {
		return false
	}
	word := s.value.text
	switch op {
	case unix.NFT_CMP_EQ:
		word += s.value.sep + s.value.write(data)
	case unix.NFT_CMP_NEQ:
		word += " != " + s.value.write(data)
	default:
		return false
	}
	if short, known := phrases[word]; known {
		word = short
	}
	s.say(word)
	if implies[word] {
		s.words, s.implied = s.words[:len(s.words)-1], word
	}
	return true
}

// phrases are what nft has a word for.
var phrases = map[string]string{"ct state & 0x00000001 != 0x00000000": "ct state invalid"}

var implies = map[string]bool{"meta l4proto tcp": true, "meta nfproto ipv4": true, "meta nfproto ipv6": true}

func (s *sentence) immediate(a attributes) bool {
	if code, ok := a.takeVerdict(unix.NFTA_IMMEDIATE_DATA); ok {
		verdict, known := verdicts[code]
		if a.take(unix.NFTA_IMMEDIATE_DREG) != unix.NFT_REG_VERDICT || !known {
			return false
		}
		s.say(verdict)
		return true
	}
	data := a.takeData(unix.NFTA_IMMEDIATE_DATA)
	if a.take(unix.NFTA_IMMEDIATE_DREG) != register || len(data) != 2 {
		return false
	}
	s.value = loaded{operand{writePort(data), writePort, " "}, data}
	return true
}

var verdicts = map[int32]string{0: "drop", 1: "accept"} // NF_DROP, NF_ACCEPT

// redirect takes what the kernel adds when it is not given: REG_PROTO_MAX, and
// the flag that says that there is a port.
func (s *sentence) redirect(a attributes) bool {
	first, last := a.take(unix.NFTA_REDIR_REG_PROTO_MIN), a.take(unix.NFTA_REDIR_REG_PROTO_MAX)
	flags := a.take(unix.NFTA_REDIR_FLAGS)
	if first != register || last != 0 && last != first || flags&^unix.NF_NAT_RANGE_PROTO_SPECIFIED != 0 || s.value.write == nil {
		return false
	}
	s.say("redirect to :" + s.value.text)
	return true
}
