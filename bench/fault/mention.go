package fault

import "fmt"

// mention is a word that the data plane's logs must say while a fault stands.
type mention struct {
	word          string
	before, after int // how often
}

func listenFor(t Target, word string) (*mention, error) {
	n, err := t.Logged(word)
	return &mention{word: word, before: n}, err
}

func (m *mention) count(t Target) (err error) {
	m.after, err = t.Logged(m.word)
	return err
}

// check is violated when nobody said the word.
func (m *mention) check(name string) Check {
	c := Check{Name: name, Tried: 1, Note: fmt.Sprintf("the logs say %s %d times", m.word, m.after-m.before)}
	if m.after <= m.before {
		c.Violated = 1
	}
	return c
}
