package lab

import "fmt"

// Misuse is a mistake of the caller, as a sentence that says what to do. Commands
// exit with 2 for it.
type Misuse struct{ Sentence string }

func (e *Misuse) Error() string { return e.Sentence }

// Misuse marks the error for commands, which need not know this package.
func (e *Misuse) Misuse() bool { return true }

// ExitError is the exit code of a process that has already said why on stderr.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// StageError says in which stage of the lab's life something failed.
type StageError struct {
	Stage   string // "fabric", "control", "applications", "place", "displace", …
	Subject string // pod, node or process; may be empty
	Err     error
}

func (e *StageError) Error() string {
	if e.Subject == "" {
		return fmt.Sprintf("lab: %s: %v", e.Stage, e.Err)
	}
	return fmt.Sprintf("lab: %s: %s: %v", e.Stage, e.Subject, e.Err)
}

func (e *StageError) Unwrap() error { return e.Err }

func at(stage, subject string, err error) error {
	if err == nil {
		return nil
	}
	return &StageError{Stage: stage, Subject: subject, Err: err}
}
