package compare

import (
	"encoding/json"
	"fmt"
	"strings"
)

// JSON is the comparison as indented JSON with a final newline.
func (c *Comparison) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}

// Table is the comparison for people: what changed first, what could not be told last.
func (c *Comparison) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "A: %s\nB: %s\n", c.A, c.B)
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "WARNING: %s\n", w)
	}
	for _, d := range c.Drills {
		fmt.Fprintf(&b, "\n%s\n", d.Name)
		for _, why := range d.Invalid {
			fmt.Fprintf(&b, "  INVALID: %s\n", why)
		}
		for _, s := range d.Subjects {
			s.write(&b)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", c.sum())
	return b.String()
}

func (s Subject) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s (repeats: %d in A, %d in B)\n", s.Name, s.Repeats[0], s.Repeats[1])
	if line := s.Flows.line(); line != "" {
		fmt.Fprintf(b, "    %-11s  %s\n", s.Flows.Verdict, line)
	}
	for _, verdict := range []string{Worse, Better, Noise, CannotTell} {
		for _, c := range s.Changes {
			if c.Verdict == verdict {
				fmt.Fprintf(b, "    %-11s  %s\n", verdict, c.line())
			}
		}
	}
	var same []string
	for _, c := range s.Changes {
		if c.Verdict == Same {
			same = append(same, fmt.Sprintf("%s %.4g%s", c.Figure, c.A[0], c.unit()))
		}
	}
	if len(same) > 0 {
		fmt.Fprintf(b, "    %-11s  %s\n", Same, strings.Join(same, ", "))
	}
}

// line says which flows fail in one run only.
func (f Flows) line() string {
	switch f.Verdict {
	case Worse, Better, CannotTell:
	default:
		return ""
	}
	var said []string
	if len(f.Gained) > 0 {
		said = append(said, fmt.Sprintf("fail in B and never in A: flows %s", list(f.Gained)))
	}
	if len(f.Lost) > 0 {
		said = append(said, fmt.Sprintf("fail in A and never in B: flows %s", list(f.Lost)))
	}
	return strings.Join(said, "; ")
}

func list(ids []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ids)), ", "), "[]")
}

// line is a figure with its medians.
func (c Change) line() string {
	d, u := c.Difference, c.unit()
	line := fmt.Sprintf("%s %.4g%s -> %.4g%s (%+.4g%s", c.Figure, c.median(c.A), u, c.median(c.B), u, d.Median, u)
	if len(c.A) > 1 && len(c.B) > 1 {
		line += fmt.Sprintf(", 95 %%: %+.4g to %+.4g", d.Low, d.Up)
	}
	return line + ")"
}

func (Change) median(sorted []float64) float64 { return sorted[(len(sorted)-1)/2] }

func (c Change) unit() string {
	if c.Unit == "" {
		return ""
	}
	return " " + c.Unit
}

// sum counts the verdicts, and what chance would have made of them.
func (c *Comparison) sum() string {
	n := map[string]int{}
	for _, d := range c.Drills {
		for _, s := range d.Subjects {
			for _, change := range s.Changes {
				n[change.Verdict]++
			}
		}
	}
	said := fmt.Sprintf("%d figures: %d worse, %d better, %d within noise, %d the same, %d cannot be told",
		n[Worse]+n[Better]+n[Noise]+n[Same]+n[CannotTell], n[Worse], n[Better], n[Noise], n[Same], n[CannotTell])
	if tested := n[Worse] + n[Better] + n[Noise]; tested > 0 {
		said += fmt.Sprintf("\nof %d figures that were tested at 95 %%, %.1f would be called worse or better by chance alone", tested, 0.05*float64(tested))
	}
	if n[CannotTell] > 0 {
		said += "\nwhat cannot be told needs 4 repeats in each run (--repeat 4), and valid records"
	}
	return said
}
