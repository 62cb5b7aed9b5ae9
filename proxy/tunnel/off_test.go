package tunnel

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// withoutPool is inBubble with the pool off.
func withoutPool(t *testing.T, d *dialer, f func(t *testing.T, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(d.dial, PoolOptions{Off: true})
		f(t, p)
		p.Close()
		if s := p.Stats(); s.Keys != 0 || s.Tunnels != 0 || s.Streams != 0 {
			t.Errorf("left in the closed pool: %+v", s)
		}
	})
}

func TestWithThePoolOffEveryStreamHasATunnel(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Millisecond}
	withoutPool(t, d, func(t *testing.T, p *Pool) {
		streams := together(t, p, 10, same)
		streams = append(streams, mustOpen(t, p, key(1)))
		wantTunnels(t, d, len(streams))
		for i, s := range streams {
			s.Close()
			synctest.Wait()
			if n := p.Stats().Tunnels; n != len(streams)-i-1 {
				t.Fatalf("%d tunnels with %d streams open", n, len(streams)-i-1)
			}
		}
	})
}

// Whoever waited left at the moment when the tunnel was made, or Open failed in it.
func TestWithThePoolOffNoTunnelIsLeftBehind(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Second}
	withoutPool(t, d, func(t *testing.T, p *Pool) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if s, _, err := p.Open(ctx, key(1), hbone.Head{}); err == nil {
			s.Close()
		}
		d.mu.Lock()
		d.broken = &StatusError{Status: 503}
		d.mu.Unlock()
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); err == nil {
			t.Error("opened in a broken tunnel")
		}
		synctest.Wait()
		if n := p.Stats().Tunnels; n != 0 {
			t.Errorf("%d tunnels without a stream", n)
		}
	})
}

func TestConfig(t *testing.T) {
	off := Config{Pool: Switch{Off: true}}
	for text, want := range map[string]Config{
		`{}`:                               {},
		`{"pool":"on"}`:                    {},
		`{"pool":"off"}`:                   off,
		`{"pool":false}`:                   off, // a bare off in YAML
		`{"quic":"on"}`:                    {QUIC: Choice{On: true}},
		`{"quic":true}`:                    {QUIC: Choice{On: true}},
		`{"quic":"off","pool":"off"}`:      off,
		`{"quic":null}`:                    {},
		`{"keyExchange":"x25519mlkem768"}`: {KeyExchange: identity.X25519MLKEM768},
	} {
		var c, back Config
		if err := json.Unmarshal([]byte(text), &c); err != nil || c != want {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
		b, err := json.Marshal(c)
		if err != nil || json.Unmarshal(b, &back) != nil || back != c {
			t.Errorf("%+v became %s and %+v, %v", c, b, back, err)
		}
	}
	for _, text := range []string{`{"pool":"idle"}`, `{"pool":0}`, `{"quic":"udp"}`, `{"quic":1}`, `{"keyExchange":"kyber"}`} {
		if err := json.Unmarshal([]byte(text), &Config{}); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}
