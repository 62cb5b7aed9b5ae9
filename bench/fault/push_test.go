package fault

import (
	"errors"
	"testing"
	"time"
)

// pushes writes down what is pushed.
type pushes struct {
	broken, strangers, denials, lifted int
	fail                               error
}

func (p *pushes) PushBroken(n int) (string, error) {
	if n != p.broken {
		return "", errors.New("not the next one")
	}
	p.broken++
	return "half", p.fail
}
func (p *pushes) PushDenial() error { p.denials++; return p.fail }
func (p *pushes) LiftPush() error   { p.lifted++; return nil }
func (p *pushes) PushStrangers(_, round int) (int64, error) {
	if round != p.strangers {
		return 0, errors.New("not another one")
	}
	p.strangers++
	return 4096, p.fail
}

// What was pushed is taken back in the end, also where the first push fails.
func TestPushesAreLifted(t *testing.T) {
	bad, big := BadPush, BigPush
	bad.every, big.every = time.Millisecond, time.Millisecond
	for _, f := range []Timed{bad, big, DenyAll} {
		name := f.For(time.Second).Name()
		t.Run(name, func(t *testing.T) {
			var p pushes
			control := plane{revived: 1} // it is there
			to, _ := control.target()
			to.Pushes = &p
			done, err := f.For(50*time.Millisecond).Inject(t.Context(), to)
			if err != nil || done.At != 1000 || done.Note == "" {
				t.Fatalf("%+v, %v", done, err)
			}
			time.Sleep(20 * time.Millisecond)
			if err := done.Undo(t.Context()); err != nil || p.lifted != 1 {
				t.Errorf("undo %v, lifted %d times", err, p.lifted)
			}
			switch name {
			case "bad-push":
				if c := done.Checks(); p.broken < 2 || len(c) != 1 || c[0].Tried != 1 || c[0].Violated != 0 {
					t.Errorf("%d broken, checks %+v", p.broken, c)
				}
			case "big-push":
				if p.strangers < 2 {
					t.Errorf("%d large ones", p.strangers)
				}
			default:
				if p.denials != 1 {
					t.Errorf("%d denials", p.denials)
				}
			}
			p = pushes{fail: errors.New("full")}
			if _, err := f.For(time.Hour).Inject(t.Context(), to); !errors.Is(err, p.fail) || p.lifted != 1 {
				t.Errorf("%v, lifted %d times", err, p.lifted)
			}
		})
	}
}
