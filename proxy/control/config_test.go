package control_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

const good = `
trustDomain: td
socket: /run/ca.sock
socketMode: "0660"
caDir: /var/lib/ca
ttl: 90s
mesh: /run/mesh.yaml
address: control.svc:15012
rootsFile: /run/roots.pem
tokens:
- token: s3cret
  identities: [spiffe://td/ns/a/sa/b, spiffe://td/ns/a/sa/c]
- token: other
  node: n1
`

func TestParse(t *testing.T) {
	c, err := control.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if c.TrustDomain != "td" || c.Socket != "/run/ca.sock" || c.SocketMode != 0o660 || c.CADir != "/var/lib/ca" ||
		time.Duration(c.TTL) != 90*time.Second || len(c.Tokens) != 2 || c.Tokens[0].Token != "s3cret" ||
		c.Tokens[0].Identities[1].ServiceAccount() != "c" {
		t.Errorf("read as %+v", c)
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := control.Parse(text); err != nil || again.SocketMode != c.SocketMode || again.TTL != c.TTL {
		t.Errorf("what is written is read back as %+v, %v", again, err)
	}
}

func TestParseRefuses(t *testing.T) {
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the good config", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, text := range map[string]string{
		"empty":                     "",
		"no YAML":                   "{",
		"a list":                    "[]",
		"unknown key":               good + "port: 1\n",
		"unknown key in a token":    with("- token: other", "- token: other\n  admin: true"),
		"repeated key":              good + "ttl: 1h\n",
		"no trust domain":           with("trustDomain: td", ""),
		"bad trust domain":          with("trustDomain: td", "trustDomain: T D"),
		"no socket":                 with("socket: /run/ca.sock", ""),
		"long socket":               with("/run/ca.sock", "/"+strings.Repeat("x", 107)),
		"mode without quotes":       with(`"0660"`, "432"),
		"mode that is none":         with(`"0660"`, `"rw"`),
		"mode too large":            with(`"0660"`, `"1777"`),
		"duration without unit":     with("90s", `"90"`),
		"negative duration":         with("90s", "-90s"),
		"no tokens":                 good[:strings.Index(good, "tokens:")],
		"empty token":               with("- token: other", `- token: ""`),
		"token twice":               with("- token: other", "- token: s3cret"),
		"identity of another shape": with("spiffe://td/ns/a/sa/c", "spiffe://td/workload"),
		"identity of another td":    with("spiffe://td/ns/a/sa/c", "spiffe://other/ns/a/sa/c"),
		"node without a mesh":       with("mesh: /run/mesh.yaml\n", ""),
		"token for nothing":         with("  node: n1\n", ""),
		"address without a port":    with("control.svc:15012", "control.svc"),
		"address without roots":     with("rootsFile: /run/roots.pem\n", ""),
		"empty identity":            with("spiffe://td/ns/a/sa/c", `""`),
	} {
		if c, err := control.Parse([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, c)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error tells a token: %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "control.yaml")
	_, err := control.Load(file)
	if wrong, ok := errors.AsType[*control.ConfigError](err); !ok || wrong.Path != file || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for text, ok := range map[string]bool{good: true, "x: y": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := control.Load(file)
		if wrong, is := errors.AsType[*control.ConfigError](err); is == ok || is && wrong.Path != file {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := control.New(control.Config{}, nil); err == nil {
		t.Error("New takes an empty config")
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("trustDomain: td\nsocket: s\ntokens: [{token: x}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := control.Parse(text)
		if err != nil {
			return
		}
		if c.TrustDomain == "" || c.Socket == "" || c.TTL < 0 || len(c.Tokens) == 0 || c.SocketMode > 0o777 {
			t.Fatalf("accepted: %+v", c)
		}
	})
}
