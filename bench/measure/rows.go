package measure

// rows gathers outcomes by subject, in the order of the subjects, and all null
// outcomes in one more row.
func rows(run *Run, outcomes []Outcome) (all []Row, null *Row) {
	all = []Row{}
	for _, s := range run.Subjects {
		row := Row{Subject: s.Name, Outcomes: []int{}}
		for i, o := range outcomes {
			if o.Subject == s.Name && o.Kind == run.Drill {
				row.Outcomes = append(row.Outcomes, i)
			}
		}
		if len(row.Outcomes) > 0 {
			row.use(run, outcomes)
			row.Paired = paired(run, outcomes, s.Name)
			row.spread(run, outcomes, Figures)
			all = append(all, row)
		}
	}
	for i, o := range outcomes {
		if o.Kind == Null {
			if null == nil {
				null = &Row{Outcomes: []int{}}
			}
			null.Outcomes = append(null.Outcomes, i)
		}
	}
	if null != nil {
		null.spread(run, outcomes, Figures[:len(Figures)-2]) // memory and CPU would mix the subjects
	}
	return all, null
}

// spread summarizes the row's outcomes, without those in which no fault struck.
func (row *Row) spread(run *Run, outcomes []Outcome, figures []Figure) {
	var mine []*Outcome
	for _, i := range row.Outcomes {
		if outcomes[i].Skipped != "" {
			continue
		}
		mine = append(mine, &outcomes[i])
		if r := outcomes[i].Recovery; r.Needed && !r.Within {
			row.Open++
		}
	}
	row.Spreads = spreads(figures, mine, run.Seed)
}
