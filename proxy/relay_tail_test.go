package proxy

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// A tunnel is lost behind a complete answer: the client gets all of it, however slowly it reads and although it still sends,
// and then a reset, since what it sent has not arrived.
func TestALossDoesNotCutACompleteAnswer(t *testing.T) {
	for name, sends := range map[string]bool{"a client that still sends": true, "a client that is silent": false} {
		t.Run(name, func(t *testing.T) {
			eachTunnel(t, func(t *testing.T, p *path) {
				client, server := p.ends()
				if err := client.SetReadBuffer(64 << 10); err != nil {
					t.Fatal(err)
				}
				say(t, client, "question")
				hearSome(t, server, "question")
				const answer = 512 << 10
				if _, err := server.Write(make([]byte, answer)); err != nil {
					t.Fatal(err)
				}
				if err := server.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				// All of it is in our socket to the client, and most has not left it.
				await(t, "the answer to be passed on", func() bool { return p.counts[0].BtoA.Load() == answer })
				p.crash()
				if sends {
					say(t, client, "more")
				}
				// Whether the reset comes before the client has seen the end depends on when it looks.
				if n, err := io.Copy(io.Discard, client); n != answer || err != nil && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("%d of %d bytes, then %v", n, answer, err)
				}
				await(t, "the reset", func() bool { _, err := client.Write([]byte("more")); return err != nil })
			})
		})
	}
}

// Whoever reads slowly is looked at ten times a second, and not two hundred times; who sends, at once.
func TestATailIsLookedAtLessOften(t *testing.T) {
	looks, pause := 0, tailLook
	for at := time.Duration(0); at < 10*time.Second; at += pause {
		looks++
		pause = nextLook(pause, false)
	}
	if looks > 110 {
		t.Errorf("%d looks in 10 s", looks)
	}
	if got := nextLook(pause, true); got != tailLook {
		t.Errorf("the peer sends, and the next look is after %v", got)
	}
}
