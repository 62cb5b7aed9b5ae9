package cell

import "context"

// Look asks the cell what is open for its workload, through its loop, as a keeper would.
func (a *Alone) Look(ctx context.Context) (*Seen, error) {
	answered := make(chan *Seen, 1) // nobody may wait for it any more
	select {
	case a.events <- Event{Look: &Look{UID: a.uid}, Seen: func(s *Seen) { answered <- s }}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case s := <-answered:
		return s, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
