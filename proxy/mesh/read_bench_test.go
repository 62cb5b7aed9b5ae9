package mesh

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRead is what control does when it starts: 10,000 workloads and 1,000 services are read, none of them known. Beside
// it, the same text decoded at once, which is what reading cost before a change of one element cost only that one.
//
//	go test -run '^$' -bench Read ./proxy/mesh
func BenchmarkRead(b *testing.B) {
	text := []byte(large(10_000))
	b.Run("elements", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(text, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			w, err := decode(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := (*Snapshot)(nil).become([]said{{written: w}}, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// large is a mesh file with a service for ten workloads.
func large(workloads int) string {
	var b strings.Builder
	b.WriteString("trustDomain: example.org\nworkloads:\n")
	for i := range workloads {
		fmt.Fprintf(&b, "- uid: pod-%d\n  name: pod-%d\n  namespace: ns-%d\n  serviceAccount: sa-%d\n  node: node-%d\n  protocol: HBONE\n  addresses: [10.%d.%d.%d]\n",
			i, i, i%100, i%1000, i%50, i>>16, i>>8&0xff, i&0xff)
	}
	b.WriteString("services:\n")
	for i := range workloads / 10 {
		fmt.Fprintf(&b, "- hostname: s%d.example\n  name: s%d\n  namespace: ns-%d\n  addresses: [172.16.%d.%d]\n  ports:\n  - {port: 80, target: 8080}\n  endpoints: [pod-%d, pod-%d]\n",
			i, i, i%100, i>>8, i&0xff, 10*i, 10*i+1)
	}
	return b.String()
}
