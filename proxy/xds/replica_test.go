package xds

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// namer remembers the names that come in each response.
type namer struct {
	*holder
	mu  sync.Mutex
	all []string
}

func (n *namer) Apply(r Response) map[string]error {
	n.mu.Lock()
	for _, x := range r.Resources {
		n.all = append(n.all, x.Name)
	}
	n.mu.Unlock()
	return n.holder.Apply(r)
}

// named takes what came since it was asked last, in order: a server has none.
func (n *namer) named() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	slices.Sort(all)
	return all
}

// What a client says that it has means the same at another replica where versions come of
// the content. Where they do not, the resource is sent once more, and no more than that.
func TestVersionsAtAnotherReplica(t *testing.T) {
	var first, second port
	s := newServer()
	s.Replace(policy, nil)
	s.Replace(address, []Resource{res("a", "one"), res("b", "one"), res("c", "one")})
	first.serve(t, s.Register)
	s = newServer()
	s.Replace(policy, nil)
	s.Replace(address, []Resource{res("a", "one"), {Name: "b", Version: "7", Value: []byte("one")}, res("d", "one")})
	second.serve(t, s.Register)

	h := &namer{holder: newHolder()}
	c := startClientOf(t, h, false, Replica{"first", first.dial}, Replica{"second", second.dial})
	awaitReady(t, c)
	if x := c.Standing(); x.Server != "first" {
		t.Errorf("it hears %+v", x)
	}
	h.named()
	first.stop()
	h.await(t, "a=one b=one d=one")
	if got := h.named(); !slices.Equal(got, []string{"b", "d"}) {
		t.Errorf("sent again: %v", got)
	}
	stands(t, c, "the second is heard", func(x Standing) bool { return x.Server == "second" && x.Error == "" })
}

// answering is a connection to a server that answers the questions of which it says so, in order,
// and all after them.
type answering struct {
	grpc.ClientConnInterface
	says  []bool
	asked int
}

func (a *answering) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	a.asked++
	if a.asked <= len(a.says) && !a.says[a.asked-1] {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	return nil
}

// A replica is given up when questions in a row are not answered, or when it answers them all and sends
// no mesh; one that there is no other for never is.
func TestGivenUp(t *testing.T) {
	const yes, no = true, false
	for name, c := range map[string]struct {
		says     []bool
		heard    bool
		patience int
		want     int // questions until then; 0: never
	}{
		"well":                       {nil, true, 2, 0},
		"one unanswered, twice":      {[]bool{yes, no, yes, no}, true, 2, 0},
		"stands still":               {[]bool{yes, no, no}, true, 2, 3},
		"stands still, and patience": {[]bool{no, no, no, no}, true, 4, 4},
		"was good, and stands still": {append(slices.Repeat([]bool{yes}, 30), no, no), true, 32, 32},
		"has no mesh":                {nil, false, 2, 8},
		"alone, and stands still":    {slices.Repeat([]bool{no}, 1000), true, 0, 0},
		"alone, and has no mesh":     {nil, false, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour/2)
			defer cancel()
			s := &session{Client: NewClient(ClientConfig{})}
			s.heard.Store(c.heard)
			conn := &answering{says: c.says}
			err := s.knocking(ctx, conn, c.patience)
			var silent *SilentError
			if given := errors.As(err, &silent); given != (c.want > 0) || given && conn.asked != c.want {
				t.Errorf("%s: %v after %d questions, want %d", name, err, conn.asked, c.want)
			}
		})
	}
}

// noToken is a connection over which nothing can be asked.
type noToken struct {
	grpc.ClientConnInterface
}

func (noToken) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return errors.New("no token")
}

// A question that never left says nothing of the server.
func TestWhatCannotBeAskedIsNotAnswered(t *testing.T) {
	c := NewClient(ClientConfig{})
	if got := c.knock(t.Context(), noToken{}); got != unasked {
		t.Errorf("knock says %d", got)
	}
}
