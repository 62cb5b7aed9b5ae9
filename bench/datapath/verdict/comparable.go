package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Misuse is something that the caller can mend.
type Misuse struct{ Sentence string }

func (e *Misuse) Error() string { return e.Sentence }

// Misuse marks the error for commands.
func (e *Misuse) Misuse() bool { return true }

// has reports whether the record has a row that means the same: bars may change.
func (d *Document) has(row Row) bool {
	return slices.ContainsFunc(d.Rows, func(r Row) bool {
		return r.Name == row.Name && r.Metric == row.Metric && r.Subject == row.Subject && r.Peer == row.Peer && r.Better == row.Better
	})
}

// comparable says what keeps ratios from being compared.
func comparable(before, after *Document) error {
	if err := errors.Join(ended(before), ended(after)); err != nil {
		return err
	}
	if before.CPU != after.CPU || before.CPUs != after.CPUs {
		return &Misuse{fmt.Sprintf("the records are of different machines, %d × %s and %d × %s: measure both builds on one", before.CPUs, before.CPU, after.CPUs, after.CPU)}
	}
	for _, row := range after.Rows {
		if a, b := before.version(row.Peer), after.version(row.Peer); a != b && before.has(row) {
			return &Misuse{fmt.Sprintf("%s was %s in one run and %s in the other: ratios to it do not compare", row.Peer, a, b)}
		}
	}
	return nil
}

func ended(d *Document) error {
	if why := d.Judge().Invalid; len(why) > 0 {
		return &Misuse{fmt.Sprintf("the run of %s is not whole: %s", d.Build, why[0])}
	}
	return nil
}

// called is a subject with its version, if there is one.
func (d *Document) called(subject string) string {
	return strings.TrimSpace(subject + " " + d.version(subject))
}

func (d *Document) version(subject string) string {
	for _, s := range d.Subjects {
		if s.Name == subject {
			return s.Version
		}
	}
	return ""
}
