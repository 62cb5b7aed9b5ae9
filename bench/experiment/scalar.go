package experiment

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// text is of one line or several, at most so many characters.
func text(to *string, most int) shape {
	return words(to, fmt.Sprintf("text of at most %d characters", most), func(v string) string {
		if n := len([]rune(v)); n > most {
			return fmt.Sprintf("%d characters: at most %d", n, most)
		}
		return ""
	}, map[string]any{"type": "string", "maxLength": most})
}

// like is text of a pattern.
func like(to *string, pattern, as string) shape {
	re := regexp.MustCompile(pattern)
	return words(to, as, func(v string) string {
		if !re.MatchString(v) {
			return fmt.Sprintf("%q is not what belongs here: give %s", v, as)
		}
		return ""
	}, map[string]any{"type": "string", "pattern": pattern})
}

// oneOf is one of some words.
func oneOf(to *string, known ...string) shape {
	return words(to, "one of "+strings.Join(known, ", "), func(v string) string {
		if !slices.Contains(known, v) {
			return fmt.Sprintf("%q is not known: use one of %s", v, strings.Join(known, ", "))
		}
		return ""
	}, map[string]any{"type": "string", "enum": known})
}

func words(to *string, as string, why func(string) string, says map[string]any) shape {
	return scalar[string]{
		to: to, as: as, why: why, says: says,
		parse: func(n *yaml.Node) (string, bool) {
			return n.Value, n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str"
		},
		write: func(v string) *yaml.Node {
			if v == "" {
				return nil
			}
			return plain("!!str", v)
		},
	}
}

// whole is a number without a fraction.
func whole[T ~int | ~int64](to *T, least, most T) shape {
	return scalar[T]{
		to: to, as: fmt.Sprintf("a whole number from %d to %d", least, most),
		parse: parseWhole[T],
		why: func(v T) string {
			if v < least || v > most {
				return fmt.Sprintf("%d is outside %d to %d", v, least, most)
			}
			return ""
		},
		write: func(v T) *yaml.Node { return plain("!!int", strconv.FormatInt(int64(v), 10)) },
		says:  map[string]any{"type": "integer", "minimum": least, "maximum": most},
	}
}

// parseWhole also takes 4.0, which JSON Schema takes for a whole number.
func parseWhole[T ~int | ~int64](n *yaml.Node) (v T, ok bool) {
	if n.Kind != yaml.ScalarNode {
		return 0, false
	}
	switch n.ShortTag() {
	case "!!int":
		return v, n.Decode(&v) == nil
	case "!!float":
		var f float64
		if n.Decode(&f) != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			return 0, false
		}
		return T(f), true
	}
	return 0, false
}

// some is a whole number that may be left open.
func some(to **int, least, most int) shape {
	var v int
	s := whole(&v, least, most).(scalar[int])
	return scalar[*int]{
		to: to, as: s.as, says: s.says,
		parse: func(n *yaml.Node) (*int, bool) {
			v, ok := s.parse(n)
			return &v, ok
		},
		why: func(v *int) string { return s.why(*v) },
		write: func(v *int) *yaml.Node {
			if v == nil {
				return nil
			}
			return s.write(*v)
		},
	}
}

// number is any number.
func number(to *float64, least, most float64) shape {
	return scalar[float64]{
		to: to, as: fmt.Sprintf("a number from %v to %v", least, most),
		parse: func(n *yaml.Node) (v float64, ok bool) {
			tag := n.ShortTag()
			return v, n.Kind == yaml.ScalarNode && (tag == "!!int" || tag == "!!float") && n.Decode(&v) == nil
		},
		why: func(v float64) string {
			if !(v >= least && v <= most) { // also refuses NaN
				return fmt.Sprintf("%v is outside %v to %v", v, least, most)
			}
			return ""
		},
		write: func(v float64) *yaml.Node { return plain("!!float", strconv.FormatFloat(v, 'g', -1, 64)) },
		says:  map[string]any{"type": "number", "minimum": least, "maximum": most},
	}
}

// truth is true or false; false is left out where that is what is meant anyway.
func truth(to *bool, leaveOut bool) shape {
	return scalar[bool]{
		to: to, as: "true or false",
		parse: func(n *yaml.Node) (v bool, ok bool) {
			return v, n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" && n.Decode(&v) == nil
		},
		write: func(v bool) *yaml.Node {
			if v == leaveOut {
				return nil
			}
			return plain("!!bool", strconv.FormatBool(v))
		},
		says: map[string]any{"type": "boolean"},
	}
}
