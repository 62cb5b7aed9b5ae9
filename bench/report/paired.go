package report

import "fmt"

// paired shows, for several repeats, how much later bystanders were served after the
// fault than in the null segment before it.
func (d *Document) paired() []string {
	var lines []string
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		p := row.Paired
		if p == nil {
			continue
		}
		lines = append(lines, fmt.Sprintf("  %-*s  no error in %d of %d; late %.2f %% (null %.2f %%), rise %+.2f points (95 %%: %+.2f to %+.2f)",
			d.labels(), row.Subject, p.Clean, p.Pairs, p.Fault, p.Null, p.Rise, p.RiseLow, p.RiseUp))
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"bystander requests that failed or were late, fault against null of the same turn (mean of pairs, bootstrap)"}, lines...)
}
