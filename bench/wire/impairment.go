package wire

import (
	"fmt"
	"strings"
	"time"
)

// Bounds of impairments. What is beyond is taken for the bound: a link cannot lose more
// than everything.
const (
	everything = 100              // percent
	minLimit   = 576              // what every IPv4 host must take (RFC 791)
	maxDelay   = 10 * time.Second // nothing of a mesh waits longer
)

// Impairment is what is wrong with a link, in both directions. The zero value is
// nothing.
type Impairment struct {
	loss  int // percent of packets
	limit int // bytes of the largest packet that passes; 0: any
	delay time.Duration
}

// Loss drops packets at random, without a word.
func Loss(percent int) Impairment { return Impairment{loss: min(max(percent, 0), everything)} }

// Cut drops everything, without a word.
func Cut() Impairment { return Loss(everything) }

// Limit drops packets that are larger, without a word: a hop with a smaller MTU behind
// somebody who filters ICMP.
func Limit(bytes int) Impairment { return Impairment{limit: max(bytes, minLimit)} }

// Delay has everything arrive later, in its order.
func Delay(d time.Duration) Impairment { return Impairment{delay: min(max(d, 0), maxDelay)} }

// Lost is how many percent of packets are dropped.
func (i Impairment) Lost() int { return i.loss }

// Largest is the size in bytes of the largest packet that passes; 0: any passes.
func (i Impairment) Largest() int { return i.limit }

// Late is how much later everything arrives.
func (i Impairment) Late() time.Duration { return i.delay }

// Drops says whether anything is dropped.
func (i Impairment) Drops() bool { return i.loss > 0 || i.limit > 0 }

// String is for the record's notes.
func (i Impairment) String() string {
	var parts []string
	switch {
	case i.loss == everything:
		parts = append(parts, "nothing passes")
	case i.loss > 0:
		parts = append(parts, fmt.Sprintf("%d %% of packets are lost", i.loss))
	}
	if i.limit > 0 {
		parts = append(parts, fmt.Sprintf("packets above %d bytes are lost", i.limit))
	}
	if i.delay > 0 {
		parts = append(parts, fmt.Sprintf("packets arrive %v later", i.delay))
	}
	if len(parts) == 0 {
		return "everything passes"
	}
	return strings.Join(parts, ", ")
}
