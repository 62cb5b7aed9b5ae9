package verdict

import (
	"encoding/json"
	"fmt"
	"strings"
)

// CheckSchema names the form of a comparison's JSON document.
const CheckSchema = "bulkhead.datapath-check/v1"

// Worse are the rows that are worse than noise, each in a sentence.
func (c *Comparison) Worse() (all []string) {
	for _, r := range c.Rows {
		if r.Verdict == Worse {
			all = append(all, fmt.Sprintf("%s, %s: %s (interval %s to %s)", r.Title, r.Metric, percent(r.Factor), percent(r.Interval.Low), percent(r.Interval.Up)))
		}
	}
	return all
}

// JSON is the comparison as indented JSON with a final newline.
func (c *Comparison) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(struct {
		Schema string `json:"schema"`
		*Comparison
	}{CheckSchema, c}, "", "  ")
	return append(b, '\n'), err
}

// Table is the comparison for people.
func (c *Comparison) Table() string {
	var b strings.Builder
	how := "each by its ratio to the peer of the same round"
	if c.Paired {
		how = "round by round"
	}
	fmt.Fprintf(&b, "check: %s against %s, %s\n\n", known(c.New), known(c.Old), how)
	rows := [][]string{{"", "before", "after", "change", "interval", ""}}
	title := ""
	for _, r := range c.Rows {
		if r.Title != title {
			title = r.Title
			rows = append(rows, []string{title})
		}
		interval := "too few rounds"
		if i := r.Interval; i != nil {
			interval = percent(i.Low) + " to " + percent(i.Up)
		}
		rows = append(rows, []string{"  " + r.Metric, number(r.Old), number(r.New), percent(r.Factor), interval, r.Verdict})
	}
	alignUnder(&b, rows)
	for _, l := range c.Left {
		fmt.Fprintf(&b, "not in both: %s\n", l)
	}
	b.WriteString(`
Change: the mean of the rounds. The interval is as wide as the worst row of two equal builds is off by
chance, found by dealing out the labels before and after again; one of 20 checks of equal builds fails.
worse: all of the interval is on the bad side of no change.
`)
	return b.String()
}

func known(build string) string {
	if build == "" {
		return "a build without a name"
	}
	return build
}

// percent is a factor as a change.
func percent(factor float64) string { return fmt.Sprintf("%+.1f %%", 100*(factor-1)) }
