package lab

import "context"

// Control is the process of control; none while it has ended.
func (l *Lab) Control() ([]Proc, error) {
	c := l.controller()
	if c == nil || c.hasEnded() {
		return nil, nil
	}
	return []Proc{{PID: c.pid, Role: RoleControl, Name: c.name}}, nil
}

// Revive starts control where it has ended, and returns when it answers. It has the keys
// that it had: its CA's are in a directory of the lab.
func (l *Lab) Revive(ctx context.Context) error {
	if c := l.controller(); c != nil && !c.hasEnded() {
		c.kill() // nobody knows whether one that is being killed still answers
	}
	return l.startControl(ctx)
}

func (l *Lab) controller() *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.control
}
