package fault

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pushes writes down what is pushed.
type pushes struct {
	broken, strangers, denials, lifted int
	notices                            int // the last one
	fail                               error
}

func (p *pushes) PushBroken(n int) (string, error) {
	if n != p.broken {
		return "", errors.New("not the next one")
	}
	p.broken++
	return "half", p.fail
}
func (p *pushes) PushNotice(round int) (map[string]string, error) {
	p.notices = round
	return map[string]string{"a/x": fmt.Sprint(round)}, p.fail
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

// shop is a service that loses its endpoints, or does not.
type shop struct {
	stubborn, lost bool // it answers all the same; it does not come back
	empty          atomic.Bool
	lifted         int
	fail           error
}

func (*shop) String() string { return "a to b" }
func (s *shop) Push() error  { s.empty.Store(true); return s.fail }
func (s *shop) Lift() error  { s.empty.Store(s.lost); s.lifted++; return nil }
func (s *shop) Try(context.Context) (bool, error) {
	return s.stubborn || !s.empty.Load(), nil
}

func TestEndpointsGone(t *testing.T) {
	for name, c := range map[string]struct {
		stubborn, lost bool
	}{
		"refused": {}, "answered all the same": {stubborn: true}, "never back": {lost: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &shop{stubborn: c.stubborn, lost: c.lost}
			to, _ := target([]Process{{"cell", 1}}, nil)
			to.Saw = func(int64, string) {}
			to.Vacancy = func() (Vacancy, error) { return s, nil }
			done, err := EndpointsGone.Inject(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(EndpointsGone.Lasts())
			if err := done.Undo(t.Context()); err != nil || s.lifted != 1 {
				t.Errorf("%s: undo %v, lifted %d times", name, err, s.lifted)
			}
			checks := done.Checks()
			if got := checks[0]; got.Tried < 100 || (got.Violated > 0) != c.stubborn {
				t.Errorf("%s: %+v", name, got)
			}
			if got := checks[1]; (got.Violated > 0) != c.lost {
				t.Errorf("%s: %+v", name, got)
			}
		})
	}
	s := &shop{fail: errors.New("full")}
	to, _ := target([]Process{{"cell", 1}}, nil)
	to.Vacancy = func() (Vacancy, error) { return s, nil }
	if _, err := EndpointsGone.Inject(t.Context(), to); !errors.Is(err, s.fail) || s.lifted != 1 {
		t.Errorf("%v, lifted %d times", err, s.lifted)
	}
}
