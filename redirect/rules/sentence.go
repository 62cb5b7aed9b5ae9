package rules

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A sentence is a rule in words, close to what nft writes. It is read from
// netlink attributes, whether they are about to be sent or come from the
// kernel, so that equal words mean equal rules. What it does not understand in
// full, an attribute too many included, it writes as bytes: nothing is lost.
type sentence struct {
	words   []string
	value   loaded
	implied string // a protocol match that the next word may include: "tcp dport"
}

// loaded is what the register holds.
type loaded struct {
	operand
	given []byte // the value itself, if the rule gave it: how it is written depends on what it is for
}

// An operand is something loaded into the register.
type operand struct {
	text  string
	write func(data []byte) string // nil: nothing was loaded
	sep   string                   // between text and value when equal
}

// readers understand one kind of expression each. They strike off what they
// have understood and report whether the rest makes sense.
var readers = map[string]func(*sentence, attributes) bool{
	"meta":      (*sentence).meta,
	"ct":        (*sentence).ct,
	"fib":       (*sentence).fib,
	"payload":   (*sentence).payload,
	"bitwise":   (*sentence).bitwise,
	"cmp":       (*sentence).compare,
	"immediate": (*sentence).immediate,
	"redir":     (*sentence).redirect,
}

// read adds one expression, the content of an NFTA_LIST_ELEM.
func (s *sentence) read(element []byte) {
	outer, err := parseAttributes(element)
	name := strings.TrimRight(string(outer[unix.NFTA_EXPR_NAME]), "\x00")
	data := outer[unix.NFTA_EXPR_DATA]
	inner, innerErr := parseAttributes(data)
	reader := readers[name]
	if err != nil || innerErr != nil || reader == nil || !reader(s, inner) || len(inner) > 0 {
		s.say(fmt.Sprintf("[%s %x]", name, data))
		s.value = loaded{}
	}
}

func (s *sentence) String() string {
	if s.implied == "" {
		return strings.Join(s.words, " ")
	}
	return strings.Join(append(s.words, s.implied), " ")
}

func (s *sentence) say(word string) {
	if s.implied != "" {
		s.words = append(s.words, s.implied)
		s.implied = ""
	}
	s.words = append(s.words, word)
}
