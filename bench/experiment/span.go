package experiment

import (
	"fmt"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"
)

// timePattern is a length of time as Go writes it.
const timePattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`

var timeLike = regexp.MustCompile(timePattern)

// span is a length of time; JSON Schema cannot say its bounds but in words.
func span(to *Duration, least, most time.Duration) shape {
	as := fmt.Sprintf("a time such as 4s or 500ms, %v to %v", least, most)
	return scalar[Duration]{
		to: to, as: as,
		parse: func(n *yaml.Node) (Duration, bool) {
			if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || !timeLike.MatchString(n.Value) {
				return 0, false
			}
			d, err := time.ParseDuration(n.Value)
			return Duration(d), err == nil
		},
		why: func(v Duration) string {
			if d := time.Duration(v); d < least || d > most {
				return fmt.Sprintf("%v is outside %v to %v", d, least, most)
			}
			return ""
		},
		write: func(v Duration) *yaml.Node {
			if v == 0 {
				return nil
			}
			return plain("!!str", time.Duration(v).String())
		},
		says: map[string]any{"type": "string", "pattern": timePattern, "$comment": as},
	}
}
