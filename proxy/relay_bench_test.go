package proxy

import (
	"io"
	"testing"
)

// The whole path of a byte on one machine: application, relay, tunnel, relay,
// application. Figures hold as ratios between the paths.
func BenchmarkRelayBulk(b *testing.B) {
	for _, name := range []string{"direct", "http2", "quic"} {
		b.Run(name, func(b *testing.B) {
			client, server := newPath(b, name).ends()
			chunk := make([]byte, 1<<20)
			go io.Copy(io.Discard, struct{ io.Reader }{server})
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				if _, err := client.Write(chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRelayEcho(b *testing.B) {
	for _, name := range []string{"direct", "http2", "quic"} {
		b.Run(name, func(b *testing.B) {
			client, server := newPath(b, name).ends()
			go io.Copy(server, struct{ io.Reader }{server})
			msg := make([]byte, 64)
			for b.Loop() {
				if _, err := client.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
