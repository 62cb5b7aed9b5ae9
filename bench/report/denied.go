package report

import "fmt"

// denied says what became of the connections that a policy forbids, in every segment
// of each row and not only after the fault.
func (d *Document) denied() []string {
	var lines []string
	for i, s := range d.Run.Subjects {
		tried, admitted := 0, 0
		for _, o := range d.Result.Outcomes {
			if o.Subject == s.Name {
				tried, admitted = tried+o.Denied.Tried, admitted+o.Denied.Admitted
			}
		}
		if tried == 0 {
			continue
		}
		line := fmt.Sprintf("  %-*s  %d of %d admitted", d.labels(), d.Run.Subjects[i].Name, admitted, tried)
		switch {
		case s.Isolation == "none":
			line += ": nobody enforces the policy"
		case admitted > 0:
			line += ": VIOLATED"
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"connections that a policy denies"}, lines...)
}
