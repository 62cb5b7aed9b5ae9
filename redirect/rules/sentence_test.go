package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Whatever is changed in a rule changes its words: otherwise Verify would not
// see it.
func TestEveryFieldIsInTheWords(t *testing.T) {
	changes := 0
	for _, tab := range append(tables(node), guardTable(true)) {
		for _, c := range tab.chains {
			for _, r := range c.rules {
				changes += changeEachField(t, r)
			}
		}
	}
	if changes < 200 {
		t.Errorf("only %d changes were tried", changes)
	}
}

func changeEachField(t *testing.T, r rule) int {
	t.Helper()
	words, changes := r.String(), 0
	for i, e := range r.exprs {
		shorter := rule{exprs: slices.Delete(slices.Clone(r.exprs), i, i+1), comment: r.comment}
		if shorter.String() == words {
			t.Errorf("%s\nsays the same without expression %d, %+v", words, i, e)
		}
		for f := range reflect.TypeOf(e).Elem().NumField() {
			changed := changedField(e, f)
			if changed == nil {
				continue
			}
			changes++
			other := rule{exprs: slices.Clone(r.exprs), comment: r.comment}
			other.exprs[i] = changed
			if other.String() == words {
				t.Errorf("%s\nsays the same with %+v instead of %+v", words, changed, e)
			}
		}
	}
	return changes
}

// changedField returns a copy of an expression with one field changed, or nil
// when the change would not be sent.
func changedField(e expr.Any, field int) expr.Any {
	original := reflect.ValueOf(e).Elem()
	changed := reflect.New(original.Type())
	changed.Elem().Set(original)
	switch f := changed.Elem().Field(field); f.Kind() {
	case reflect.Uint32, reflect.Uint8:
		f.SetUint(f.Uint() ^ 1<<4)
	case reflect.Int64, reflect.Int:
		f.SetInt(f.Int() ^ 1)
	case reflect.Struct: // what is embedded is sent
		inner := changed.Elem().Addr().Interface().(*originalZone)
		inner.Key ^= 1 << 4
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Slice:
		b := slices.Clone(f.Bytes())
		if len(b) == 0 {
			return nil
		}
		b[len(b)-1] ^= 1
		f.SetBytes(b)
	default:
		return nil
	}
	before, err := marshal(e)
	after, afterErr := marshal(changed.Interface().(expr.Any))
	if err != nil || afterErr != nil || string(before) == string(after) {
		return nil
	}
	return changed.Interface().(expr.Any)
}

func TestWordsOfOtherRules(t *testing.T) {
	for want, exprs := range map[string][]expr.Any{
		"":                                    nil,
		"meta l4proto tcp":                    isTCP(),
		"meta l4proto udp drop":               {load(expr.MetaKeyL4PROTO), equal([]byte{unix.IPPROTO_UDP}), &expr.Verdict{Kind: expr.VerdictDrop}},
		"meta l4proto 0x84":                   {load(expr.MetaKeyL4PROTO), equal([]byte{132})},
		"ct state & 0x00000003 != 0x00000000": {loadConn(expr.CtKeySTATE), masked(3, 0), notEqual(native(0))},
		"ct direction original":               {loadConn(expr.CtKeyDIRECTION), equal([]byte{0})},
		"meta mark 0x00000539 accept":         {load(expr.MetaKeyMARK), equal(native(0x539)), &expr.Verdict{Kind: expr.VerdictAccept}},
		"meta mark 0x0539":                    {load(expr.MetaKeyMARK), equal([]byte{5, 0x39})},
		`iifname "et"*`:                       {load(expr.MetaKeyIIFNAME), equal([]byte("et"))},
		"meta l4proto tcp ct mark & 0x00000fff != 0x00000111": slices.Concat(isTCP(), connMarkIsNot(0x111)),
		"meta mark set meta mark & 0x0000000f ^ 0x00000001":   {load(expr.MetaKeyMARK), masked(0xf, 1), &expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true}},
		"ct original zone set 258":                            setOriginalZone(258),
	} {
		if got := (rule{exprs: exprs}).String(); got != want {
			t.Errorf("%+v in words: %s, want %s", exprs, got, want)
		}
	}
	// What is not understood is written as bytes, under its name.
	for name, e := range map[string]expr.Any{
		"counter": &expr.Counter{Packets: 1}, "masq": &expr.Masq{}, "notrack": &expr.Notrack{},
		"payload":   &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, // of which protocol?
		"immediate": &expr.Verdict{Kind: expr.VerdictJump, Chain: "elsewhere"},
		"redir":     &expr.Redir{}, "cmp": equal([]byte{1}), "ct": loadConn(expr.CtKeySTATUS), "meta": load(expr.MetaKeyCPU),
		"fib": &expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true}, "bitwise": masked(1, 1), "lookup": &expr.Lookup{SourceRegister: 1, SetName: "s"},
	} {
		if got := (rule{exprs: []expr.Any{e}}).String(); !strings.HasPrefix(got, "["+name+" ") {
			t.Errorf("%+v in words: %s, want its bytes", e, got)
		}
	}
	// A zone that is not the one given, but what was loaded after it.
	zone := setOriginalZone(1)
	if got := (rule{exprs: slices.Insert(zone, 1, expr.Any(load(expr.MetaKeyMARK)))}).String(); !strings.HasPrefix(got, "[ct ") {
		t.Errorf("a zone out of the mark in words: %s, want its bytes", got)
	}
}

// FuzzParseRule reads what the kernel might send.
func FuzzParseRule(f *testing.F) {
	for _, tab := range tables(node) {
		for _, c := range tab.chains {
			for _, r := range c.rules {
				f.Add(ruleMessage(f, tab.name, c.name, r))
			}
		}
	}
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	f.Add([]byte{1, 0, 0, 0, 3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := parseRule(message)
		again, errAgain := parseRule(message)
		if r != again || (err == nil) != (errAgain == nil) {
			t.Errorf("read twice: %+v %v and %+v %v", r, err, again, errAgain)
		}
	})
}

func ruleMessage(tb testing.TB, tableName, chainName string, r rule) []byte {
	tb.Helper()
	list := nl.NewRtAttr(unix.NLA_F_NESTED|unix.NFTA_RULE_EXPRESSIONS, nil)
	for _, e := range r.exprs {
		b, err := marshal(e)
		if err != nil {
			tb.Fatal(err)
		}
		list.AddRtAttr(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, b)
	}
	m := (&nl.Nfgenmsg{NfgenFamily: unix.NFPROTO_INET}).Serialize()
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(unix.NFTA_RULE_TABLE, nl.ZeroTerminated(tableName)), nl.NewRtAttr(unix.NFTA_RULE_CHAIN, nl.ZeroTerminated(chainName)),
		list, nl.NewRtAttr(unix.NFTA_RULE_USERDATA, r.userData()),
	} {
		m = append(m, a.Serialize()...)
	}
	return m
}

func TestParseRule(t *testing.T) {
	for _, tab := range tables(sidecar) {
		for _, c := range tab.chains {
			for _, r := range c.rules {
				got, err := parseRule(ruleMessage(t, tab.name, c.name, r))
				if want := (foundRule{tab.name, c.name, r.String()}); err != nil || got != want {
					t.Errorf("read %+v (%v), want %+v", got, err, want)
				}
			}
		}
	}
	for _, bad := range [][]byte{nil, {1}, {1, 0, 0, 0, 9}, {1, 0, 0, 0, 3, 0, 0, 0}, {1, 0, 0, 0, 9, 0, 1, 0, 'x'}} {
		if r, err := parseRule(bad); err == nil {
			t.Errorf("read %x as %+v", bad, r)
		} else if fmt.Sprintf("%T", err) != "*rules.MessageError" {
			t.Errorf("error of type %T", err)
		}
	}
}
