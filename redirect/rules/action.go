package rules

import (
	"encoding/binary"

	"github.com/google/nftables/expr"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func drop() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}} }

// redirectTo sends the connection to a port of the pod: on 127.0.0.1 or ::1 in
// the output chain, on the address of the interface in prerouting.
func redirectTo(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: register, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.Redir{RegisterProtoMin: register},
	}
}

// setConnMark and setPacketMark leave the bits of others alone.

func setConnMark(mark uint32) []expr.Any {
	return []expr.Any{
		loadConn(expr.CtKeyMARK), masked(^uint32(redirect.MarkMask), mark),
		&expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true},
	}
}

func setPacketMark(mark uint32) []expr.Any {
	return []expr.Any{
		load(expr.MetaKeyMARK), masked(^uint32(redirect.MarkMask), mark),
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
	}
}
