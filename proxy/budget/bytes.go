package budget

import "math"

// Take charges n bytes of buffer if the budget has them; Give returns them. Both are
// one atomic operation, made for a buffer and never for a byte.
func (a *Account) Take(n int) bool {
	return a == nil || a.takeBelow(a.limit(Bytes), n)
}

// TakeMore is Take for who holds much already: it leaves the last eighth to those who hold
// little, so that they go on while others are refused.
func (a *Account) TakeMore(n int) bool {
	return a == nil || a.takeBelow(a.limit(Bytes)/8*7, n)
}

func (a *Account) takeBelow(limit, n int) bool {
	if a.bytes.Add(int64(n)) <= int64(limit) {
		return true
	}
	a.bytes.Add(-int64(n))
	return false
}

// Give returns n bytes that Take charged.
func (a *Account) Give(n int) {
	if a != nil {
		a.bytes.Add(-int64(n))
	}
}

// Pressed says that half of the bytes are in use: then windows and buffers are to be
// small, so that those who read go on and those who do not read hold little.
func (a *Account) Pressed() bool {
	return a != nil && a.bytes.Load() > int64(a.limit(Bytes)/2)
}

// Room is how many bytes are not in use: what windows that grow have to stay within.
func (a *Account) Room() int {
	if a == nil {
		return math.MaxInt
	}
	return max(0, a.limit(Bytes)-int(a.bytes.Load()))
}

// Buffered is how many bytes are charged now.
func (a *Account) Buffered() int64 {
	if a == nil {
		return 0
	}
	return a.bytes.Load()
}

// Overflow is the error of a stream whose bytes did not fit; it is counted.
func (a *Account) Overflow() error { return a.refuse(Bytes) }

// minOwed is how much may be owed however small the budget is: a burst of streams whose readers are all back at once.
const minOwed = 8 << 20

// Owe notes n bytes that are there although they did not fit, as for a moment those of a stream whose
// reader is away. It says whether that may last: not once as much is owed as the budget has.
func (a *Account) Owe(n int) bool {
	return a == nil || a.owed.Add(int64(n)) <= a.mostOwed()
}

// Drowned says that more is owed than may be.
func (a *Account) Drowned() bool { return a != nil && a.owed.Load() > a.mostOwed() }

func (a *Account) mostOwed() int64 { return int64(max(a.limit(Bytes), minOwed)) }

// Clear says that n of the bytes that were owed are gone.
func (a *Account) Clear(n int) {
	if a != nil {
		a.owed.Add(-int64(n))
	}
}

// Owed is how many bytes are there without room.
func (a *Account) Owed() int64 {
	if a == nil {
		return 0
	}
	return a.owed.Load()
}
