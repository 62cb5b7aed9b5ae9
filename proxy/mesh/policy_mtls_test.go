package mesh

import (
	"net/netip"
	"strings"
	"testing"
)

const mtlsFile = `
trustDomain: cluster.local
workloads:
- {uid: a/web, name: web, namespace: a, addresses: [10.0.0.1], node: n, protocol: HBONE}
- {uid: a/db, name: db, namespace: a, addresses: [10.0.0.2], node: n, protocol: HBONE}
- {uid: b/web, name: web, namespace: b, addresses: [10.0.0.3], node: n, protocol: HBONE}
peerAuthentications: `

// The narrowest mode holds, and that of a port before that of the whole.
func TestPeerAuthentication(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		open map[string]string // ports 80 and 81 that plaintext reaches
	}{
		"none":       {`[]`, map[string]string{"a/web": "80 81", "b/web": "80 81"}},
		"mesh":       {`[{mode: STRICT}]`, map[string]string{"a/web": "", "a/db": "", "b/web": ""}},
		"namespace":  {`[{namespace: a, mode: STRICT}]`, map[string]string{"a/web": "", "b/web": "80 81"}},
		"exempt":     {`[{mode: STRICT}, {namespace: b, mode: PERMISSIVE}]`, map[string]string{"a/web": "", "b/web": "80 81"}},
		"workload":   {`[{namespace: a, mode: STRICT}, {name: x, namespace: a, workloads: [a/db], mode: PERMISSIVE}]`, map[string]string{"a/web": "", "a/db": "80 81"}},
		"open port":  {`[{name: x, namespace: a, workloads: [a/db], mode: STRICT, ports: {81: PERMISSIVE}}]`, map[string]string{"a/web": "80 81", "a/db": "81"}},
		"shut port":  {`[{name: x, namespace: a, workloads: [a/db], ports: {81: STRICT, 80: PERMISSIVE}}]`, map[string]string{"a/db": "80"}},
		"inherited":  {`[{mode: STRICT}, {name: x, namespace: a, workloads: [a/db], ports: {81: PERMISSIVE}}]`, map[string]string{"a/web": "", "a/db": "81"}},
		"redundant":  {`[{mode: STRICT}, {name: x, namespace: a, workloads: [a/db], ports: {81: STRICT}}]`, map[string]string{"a/db": ""}},
		"all permit": {`[{mode: PERMISSIVE}]`, map[string]string{"a/web": "80 81"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(mtlsFile+c.file), 1)
			if err != nil {
				t.Fatal(err)
			}
			for uid, want := range c.open {
				w, _ := s.Workload(uid)
				set := s.Policies(w)
				var got []string
				for port, text := range map[uint16]string{80: "80", 81: "81"} {
					plain := Connection{Destination: netip.AddrPortFrom(w.Addresses[0], port)}
					if d := set.Decide(plain); d.Allowed {
						got = append(got, text)
					} else if d.Reason != ReasonPlaintext {
						t.Errorf("%s:%s is denied as %q", uid, text, d.Reason)
					}
					tls := plain
					tls.Peer = w.Identity
					if d := set.Decide(tls); !d.Allowed {
						t.Errorf("%s:%s denies mTLS: %s", uid, text, d)
					}
				}
				if len(got) == 2 {
					got = []string{"80", "81"}
				}
				if strings.Join(got, " ") != want {
					t.Errorf("%s: plaintext reaches %q, want %q", uid, got, want)
				}
			}
		})
	}
}

func TestPeerAuthenticationErrors(t *testing.T) {
	for file, want := range map[string]string{
		`[{mode: DISABLE}]`:                                                      "use STRICT, PERMISSIVE",
		`[{mode: STRICT}, {mode: PERMISSIVE}]`:                                   "the mesh has one already",
		`[{namespace: a, mode: STRICT}, {namespace: a}]`:                         "namespace a has one already",
		`[{workloads: [a/db], mode: STRICT}]`:                                    "need their namespace",
		`[{namespace: a, workloads: [a/dv], mode: STRICT}]`:                      "no workload of namespace a",
		`[{namespace: b, workloads: [a/db], mode: STRICT}]`:                      "no workload of namespace b",
		`[{namespace: a, ports: {80: STRICT}}]`:                                  "need a name and workloads",
		`[{name: x, namespace: a, workloads: [a/db], ports: {0: STRICT}}]`:       "between 1 and 65535",
		`[{namespace: a, workloads: [a/db]}, {namespace: a, workloads: [a/db]}]`: "workload a/db has one already",
		`[{name: x, namespace: a, workloads: [a/db], ports: {80: STRICT}}, {name: x, namespace: a, workloads: [a/web], ports: {81: STRICT}}]`: "a/x appears twice",
	} {
		_, err := Parse([]byte(mtlsFile+file), 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", file, err, want)
		}
	}
}
