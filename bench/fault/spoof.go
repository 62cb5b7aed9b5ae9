package fault

import (
	"context"
	"fmt"
	"time"
)

// Impostors are processes that lie about who they are, until they are ended.
type Impostors interface {
	// Victim is whom they lie to.
	Victim() string
	// End ends them and says what they tried; the error is that even the truth was not
	// believed.
	End() ([]Check, error)
}

// Spoof has impostors try to get in under a name that is not theirs while the flows run.
var Spoof = spoof{lasts: 4 * time.Second}

type spoof struct{ lasts time.Duration }

// Name is part of Fault.
func (spoof) Name() string { return "spoof" }

// Effect is part of Fault.
func (spoof) Effect() Effect { return Spares }

// Lasts is part of Lasting.
func (f spoof) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f spoof) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (spoof) About() About {
	return About{
		Group: Security, Does: "has an outsider and a compromised application lie about who they are, in a dozen ways",
		Expect: "Every lie is refused, in every isolation, and nobody is hit: certificates of another CA, self-made or missing, replayed tunnels, headers and authorities that name somebody else, forged addresses, plaintext.",
		Look:   "The checks: one violation is a way in. Beside each liar somebody tells the truth and is let in; where that fails, so does the drill.",
	}
}

// Describe is part of Fault.
func (f spoof) Describe(t Target) string {
	return fmt.Sprintf("lies about identities from the fabric and from %s, for %v", t.Culprit, f.lasts)
}

// Inject is part of Fault. The impostors end by themselves when the time is over.
func (f spoof) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("spoof: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NotEnforceableError{Why: "without a data plane nobody asks who is there"}
	}
	at := t.Now()
	impostors, err := t.Impersonate()
	if err != nil {
		return Injected{}, fmt.Errorf("spoof: %w", err)
	}
	going, stop := context.WithTimeout(context.WithoutCancel(ctx), f.lasts)
	ended := make(chan error, 1)
	var checks []Check
	go func() {
		<-going.Done()
		var err error
		checks, err = impostors.End()
		t.Saw(t.Now(), "the impostors are gone")
		ended <- err
	}()
	done := Injected{At: at, Note: "impostors lie to " + impostors.Victim()}
	done.Undo = func(context.Context) error {
		stop()
		return <-ended
	}
	done.Checks = func() []Check { return checks } // after Undo, which has waited for them
	return done, nil
}
