package verdict

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// writeVerdicts is the table of the issue. The ratio and its interval are those of the rounds; the medians are beside.
func writeVerdicts(b *strings.Builder, r *Result) {
	const line = "%-13s %8s %8s %8s %-13s%6s  %-11s %-11s %s\n"
	fmt.Fprintf(b, "\n"+line, "", Splice, "ours", "peer", "", "ratio", "95 %", "bar", "goal")
	title := ""
	for _, j := range r.Rows {
		if j.Title != title {
			title = j.Title
			b.WriteString(title + "\n")
		}
		if j.Rounds == 0 {
			fmt.Fprintf(b, "  %s: not measured against %s\n", j.Metric, j.Peer)
			continue
		}
		interval := "too few"
		if i := j.Interval; i != nil {
			interval = number(i.Low) + "–" + number(i.Up)
		}
		fmt.Fprintf(b, line, "  "+j.Metric, r.floor(j.Row), number(j.Ours), number(j.Theirs), j.Peer, number(j.Ratio), interval,
			j.OnBar+" "+j.mark(j.Bar), j.OnGoal+" "+j.mark(j.Goal))
	}
	b.WriteString(tally(r.Rows))
}

// floor is what splice has, where it was measured.
func (r *Result) floor(row Row) string {
	for _, s := range r.Spreads {
		if s.Row == row.Name && s.Metric == row.Metric && s.Subject == Splice {
			return number(s.Median)
		}
	}
	return "-"
}

// mark is a bar or a goal with its direction.
func (j Judged) mark(x float64) string {
	if j.Better == More {
		return "≥" + strconv.FormatFloat(x, 'g', -1, 64)
	}
	return "≤" + strconv.FormatFloat(x, 'g', -1, 64)
}

// tally counts the verdicts.
func tally(rows []Judged) string {
	var bar, goal [3]int
	unknown := 0
	for _, j := range rows {
		if j.Rounds == 0 {
			unknown++
			continue
		}
		bar[slices.Index([]string{Pass, Tie, Miss}, j.OnBar)]++
		goal[slices.Index([]string{Pass, Tie, Miss}, j.OnGoal)]++
	}
	text := fmt.Sprintf("\nbar: %d pass, %d tie, %d miss; goal: %d pass, %d tie, %d miss", bar[0], bar[1], bar[2], goal[0], goal[1], goal[2])
	if unknown > 0 {
		text += fmt.Sprintf("; %d not measured", unknown)
	}
	return text + "\n"
}
