// Package condition says of a judged record whether it is as somebody's CI wants it.
//
//	c, err := condition.Parse("workload:bystanders>0")
//	for _, sentence := range c.Met(run, result) { … } // what failed
//
// A condition is [ISOLATION:]NAME>NUMBER, or invalid or worse alone. It is met when any
// repeat meets it; without an isolation, on any subject. ISOLATION may be the name of a
// subject as well, such as "shared (custody on)". The list is short on purpose: whoever
// wants more reads the JSON.
package condition

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Names of conditions without a number.
const (
	Invalid = "invalid" // a record must not be used
	Worse   = "worse"   // a comparison says worse
)

// Condition is one of them, parsed.
type Condition struct {
	Isolation string // empty: any
	Name      string
	Limit     float64 // it is met above
}

// UnknownError is what cannot be parsed.
type UnknownError struct{ Text string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("--fail-if %q is not known: use %s, each as [ISOLATION:]NAME>NUMBER, or %s or [ISOLATION:]%s",
		e.Text, strings.Join(names(), ", "), Invalid, Worse)
}

// Misuse marks the error for commands.
func (e *UnknownError) Misuse() bool { return true }

// Parse reads one condition.
func Parse(text string) (Condition, error) {
	var c Condition
	rest := text
	if before, after, has := strings.Cut(text, ":"); has {
		c.Isolation, rest = strings.TrimSpace(before), after
		if c.Isolation == "" {
			return c, &UnknownError{text}
		}
	}
	name, limit, has := strings.Cut(rest, ">")
	c.Name = strings.TrimSpace(name)
	if !has {
		if c.Name == Worse || c.Name == Invalid && c.Isolation == "" {
			return c, nil
		}
		return c, &UnknownError{text}
	}
	var err error
	c.Limit, err = strconv.ParseFloat(strings.TrimSpace(limit), 64)
	if err != nil || !(c.Limit >= 0) || math.IsInf(c.Limit, 0) || known(c.Name) == nil {
		return c, &UnknownError{text}
	}
	return c, nil
}

// ParseAll reads several.
func ParseAll(texts []string) (all []Condition, err error) {
	for _, text := range texts {
		c, err := Parse(text)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Concerns reports whether a subject is meant.
func (c Condition) Concerns(name, isolation string) bool {
	return c.Isolation == "" || c.Isolation == isolation || c.Isolation == name
}

// Absent reports whether the condition is about an isolation that a run does not have: it
// could never be met, which would look as if all were well.
func (c Condition) Absent(run *measure.Run) bool {
	for _, s := range run.Subjects {
		if c.Concerns(s.Name, s.Isolation) {
			return false
		}
	}
	return true
}
