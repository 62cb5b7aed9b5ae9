package h3

import (
	"context"
	"errors"
	"testing"

	"github.com/quic-go/quic-go"
)

// TestADrainWithoutAControlStream: a peer that allows no control stream loses its tunnel, and harms nobody, also when
// a drain begins at that moment and has nowhere to say GOAWAY.
func TestADrainWithoutAControlStream(t *testing.T) {
	at, from := socket(t), socket(t)
	l, err := at.Listen(serverTLS(t), New(Options{}).Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	muting := patient.Config()
	muting.MaxIncomingUniStreams = -1
	dialled := make(chan *quic.Conn, 1)
	go func() {
		q, err := from.Dial(t.Context(), l.Addr(), clientTLS, muting)
		if err != nil {
			t.Error(err)
		}
		dialled <- q
	}()
	q, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	draining, cancel := context.WithCancel(t.Context())
	cancel()
	var limit *quic.StreamLimitReachedError
	if err := New(Options{}).Serve(draining, q, echo); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
	if q := <-dialled; q != nil {
		<-q.Context().Done()
	}
}
