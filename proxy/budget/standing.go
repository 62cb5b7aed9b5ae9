package budget

// A tunnel over QUIC costs its workload something for as long as it lives, and may hold far more that nobody counts,
// since what reads from the network does not tell. So there are few of them, and when the cell is short of memory for no reason
// that accounts know, those are ended.

// standingShare is the part of the bytes that may be charged for standing things: the rest is for those that come and go.
const standingShare = 4

// Standing is the charge of something that lives long.
type Standing struct {
	account *Account
	n, most int64
	end     func(error) // nil: it cannot be ended yet
}

// Stand charges n bytes for something that may hold most bytes, until Leave.
func (a *Account) Stand(n, most int) (*Standing, error) {
	if a == nil {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.standing+int64(n) > int64(a.limit(Bytes)/standingShare) || !a.Take(n) {
		return nil, a.refuse(Bytes)
	}
	a.standing += int64(n)
	s := &Standing{account: a, n: int64(n), most: int64(most)}
	if a.stands == nil {
		a.stands = make(map[*Standing]struct{})
	}
	a.stands[s] = struct{}{}
	return s, nil
}

// Ends says how it is ended. end is called in a goroutine of its own, at most once.
func (s *Standing) Ends(end func(error)) {
	if s == nil {
		return
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	s.end = end
}

// Leave gives the charge back; the second time it does nothing.
func (s *Standing) Leave() {
	if s == nil {
		return
	}
	a := s.account
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.stands[s]; !ok {
		return
	}
	delete(a.stands, s)
	a.standing -= s.n
	a.Give(int(s.n))
}

// Unseen is what all standing things of the workload may hold that can be ended.
func (a *Account) Unseen() (sum int64) {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.stands {
		if s.end != nil {
			sum += s.most
		}
	}
	return sum
}

// Relieve ends them all, and returns how many that were.
func (a *Account) Relieve() (n int) {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.stands {
		if s.end != nil {
			n++
			go s.end(a.refuse(Memory))
			s.end = nil
		}
	}
	return n
}
