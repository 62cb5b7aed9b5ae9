package mesh

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// shelf is a directory of mesh files, and a clock that moves on with each look.
type shelf struct {
	*testing.T
	dir   string
	files files
	now   time.Time
	known *Snapshot
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{T: t, dir: t.TempDir(), now: time.Now()}
	s.files.path = s.dir
	return s
}

// write puts a file there at once, with a time of its own.
func (s *shelf) write(name, text string) {
	s.Helper()
	s.now = s.now.Add(2 * watchInterval)
	path := filepath.Join(s.dir, name)
	if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Chtimes(path+".new", s.now, s.now), os.Rename(path+".new", path)); err != nil {
		s.Fatal(err)
	}
}

// take looks, and says what became of it: "" for a mesh, "same", or an error.
func (s *shelf) take() string {
	s.Helper()
	s.now = s.now.Add(2 * watchInterval)
	news, err := s.files.look(s.now)
	if err != nil {
		return err.Error()
	}
	if !news {
		return "same"
	}
	all, err := s.files.said()
	if err != nil {
		return err.Error()
	}
	next, _, err := s.known.become(all, 1)
	if err != nil {
		return err.Error()
	}
	s.known = next
	return ""
}

func (s *shelf) wants(parts ...string) {
	s.Helper()
	got := s.take()
	for _, p := range parts {
		if !strings.Contains(got, p) || p == "" && got != "" {
			s.Errorf("look says %q, want %q in it", got, parts)
		}
	}
}

const (
	twoWorkloads = `workloads:
- uid: a/web
  name: web
  namespace: a
  addresses: [10.0.0.1]
- {uid: a/db, name: db, namespace: a, addresses: [10.0.0.2]}
`
	oneService = "services:\n- {name: db, namespace: a, addresses: [10.96.0.1], ports: [{port: 80, target: 80}], endpoints: [a/db]}\n"
)

// Files of a directory are one mesh. Only what is written anew is decoded anew.
func TestDirectory(t *testing.T) {
	s := newShelf(t)
	s.wants("no mesh file")
	s.write("trust.yaml", "trustDomain: td\n")
	s.write("a.yaml", twoWorkloads)
	s.write("b.yml", oneService)
	s.write("notes.txt", "this is none: {")
	s.write(".hidden.yaml", "nor is this: {")
	s.wants("")
	web, db := s.known.workloads.at("a/web"), s.known.workloads.at("a/db")
	if web == nil || web.TrustDomain != "td" || len(db.Services) != 1 || s.known.services.at("a/db.a.svc.cluster.local") == nil {
		t.Fatalf("the mesh is %+v, %+v", web, db)
	}
	s.wants("same")
	s.write("b.yml", oneService)
	s.wants("same")
	s.write("a.yaml", strings.Replace(twoWorkloads, "10.0.0.1", "10.0.0.9", 1))
	s.wants("")
	if s.known.workloads.at("a/db") != db || s.known.workloads.at("a/web") == web {
		t.Error("the workload that changed is the same, or the other is another")
	}
	s.write("b.yml", "services: []")
	s.wants("")
	if now := s.known.workloads.at("a/db"); len(now.Services) != 0 || len(db.Services) != 1 {
		t.Errorf("without its service: %+v; before %+v", now, db)
	}
	s.write("trust.yaml", "trustDomain: other")
	s.wants("")
	if now := s.known.workloads.at("a/db"); now.Identity.TrustDomain() != "other" || db.Identity.TrustDomain() != "td" {
		t.Errorf("in another trust domain: %s; before %s", now.Identity, db.Identity)
	}
}

// What cannot be used names its file, and holds until that file is right, whatever others do.
func TestDirectoryRefuses(t *testing.T) {
	s := newShelf(t)
	s.write("trust.yaml", "trustDomain: td\n")
	s.write("a.yaml", twoWorkloads)
	s.wants("")
	s.write("b.yaml", twoWorkloads)
	s.wants("b.yaml:2: workload \"a/web\": uid appears twice", "a.yaml:2")
	s.write("b.yaml", strings.ReplaceAll(twoWorkloads, "a/", "b/"))
	s.wants("b.yaml:2", "10.0.0.1 belongs to a/web already", "a.yaml:2")
	s.write("b.yaml", "trustDomain: other")
	s.wants("b.yaml:1", "trust.yaml:1")
	s.write("b.yaml", oneService+"polices: []\n")
	s.wants("b.yaml", "from line 3", "unknown field")
	s.write("a.yaml", strings.Replace(twoWorkloads, "10.0.0.2", "10.0.0.3", 1))
	s.wants("b.yaml", "unknown field")
	s.write("b.yaml", oneService)
	s.wants("")
	s.write("c.yaml", oneService)
	s.wants("c.yaml:2: service \"db\": a/db.a.svc.cluster.local appears twice", "b.yaml:2")
	s.write("c.yaml", "services:\n- {name: namesake, hostname: db, namespace: a, addresses: [10.96.0.9], ports: [{port: 80, target: 8080}], endpoints: [a/web]}\n")
	s.wants("c.yaml:2: service \"namesake\": a/db is the UID of a workload as well", "a.yaml:")
	s.write("c.yaml", strings.Replace(oneService, "10.96.0.1", "10.0.0.1", 1))
	s.wants("c.yaml:2: service \"db\": address 10.0.0.1 is in use already, by a/web, first at ", "a.yaml:2")
	if err := os.Remove(filepath.Join(s.dir, "c.yaml")); err != nil {
		t.Fatal(err)
	}
	s.wants("")
	if s.known.workloads.size != 2 || s.known.workloads.at("a/db").Addresses[0].String() != "10.0.0.3" {
		t.Errorf("%d workloads in the end", s.known.workloads.size)
	}
	s.write("c.yaml", "---\n"+oneService+"---\nservices: []\n")
	s.wants("c.yaml", "several documents")
}

// Peer authentications that are at odds name both files, or the one that is wrong by itself.
func TestDirectoryRefusesPeerAuthentications(t *testing.T) {
	s := newShelf(t)
	s.write("a.yaml", "trustDomain: td\n"+twoWorkloads)
	deny := "policies:\n- {name: %s, namespace: %s, scope: namespace, action: DENY, rules: [{namespaces: ['*']}]}\n"
	for _, c := range []struct{ first, second, says string }{
		{"- {name: one, mode: STRICT}", "- {mode: PERMISSIVE}", `the mesh has one already: "one"`},
		{"- {name: one, namespace: a, mode: STRICT}", "- {namespace: a, mode: STRICT}", `namespace a has one already: "one"`},
		{"- {name: one, namespace: a, workloads: [a/db], mode: STRICT}", "- {namespace: a, workloads: [a/web, a/db]}", `workload a/db has one already: "one"`},
		{"- {name: x, namespace: a, workloads: [a/db], ports: {80: STRICT}}", "- {name: x, namespace: a, workloads: [a/web], ports: {81: STRICT}}", "a/x appears twice"},
		{"- {mode: STRICT}", fmt.Sprintf(deny, "strict", "bulkhead-system"), "bulkhead-system/strict appears twice"},
		{"- {name: x, namespace: a, workloads: [a/db], ports: {80: STRICT}}", fmt.Sprintf(deny, "strict-x", "a"), "a/strict-x appears twice"},
	} {
		if !strings.Contains(c.second, "policies:") {
			c.second = "peerAuthentications:\n" + c.second
		}
		s.write("p.yaml", "peerAuthentications:\n"+c.first)
		s.write("q.yaml", c.second)
		s.wants("q.yaml:2", c.says+", first at ", "p.yaml:2")
	}
	s.write("q.yaml", "")
	s.write("p.yaml", "peerAuthentications:\n- {name: x, namespace: a, workloads: [a/dbb]}")
	s.wants(`p.yaml:2: peerAuthentications "x": "a/dbb" is no workload of namespace a`)
}

// A volume of Kubernetes is exchanged in one step, and read as one generation.
func TestDirectoryOfAConfigMap(t *testing.T) {
	s := newShelf(t)
	generation := func(name, web string) {
		t.Helper()
		dir := filepath.Join(s.dir, name)
		err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(strings.Replace("trustDomain: td\n"+twoWorkloads, "10.0.0.1", web, 1)), 0o600),
			os.Symlink(name, filepath.Join(s.dir, "..new")), os.Rename(filepath.Join(s.dir, "..new"), filepath.Join(s.dir, "..data")))
		if err != nil {
			t.Fatal(err)
		}
	}
	generation("..1", "10.0.0.1")
	if err := os.Symlink("..data/a.yaml", filepath.Join(s.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	s.wants("")
	db := s.known.workloads.at("a/db")
	s.wants("same")
	generation("..2", "10.0.0.7")
	if err := os.RemoveAll(filepath.Join(s.dir, "..1")); err != nil {
		t.Fatal(err)
	}
	s.wants("")
	if web := s.known.workloads.at("a/web"); web.Addresses[0].String() != "10.0.0.7" || s.known.workloads.at("a/db") != db {
		t.Errorf("after the exchange: %+v", web)
	}
	s.write("b.yaml", "trustDomain: td\n")
	s.wants("b.yaml", "beside ..data")
}

// However a file is laid out, its pieces say what the whole says.
func TestSplit(t *testing.T) {
	for text, pieces := range map[string]int{
		"":                0,
		"# nothing\n":     0,
		"trustDomain: td": 1,
		twoWorkloads:      2,
		"trustDomain: td\r\n" + strings.ReplaceAll(twoWorkloads, "\n", "\r\n"): 3,
		"---\ntrustDomain: td\n" + twoWorkloads + oneService:                   4,
		"workloads:\n\n  # of a\n  - uid: a/web\n    name: web\n    namespace: a\n    addresses:\n    - 10.0.0.1\n  -\n    {uid: b, name: b, namespace: b, addresses: [10.0.0.2]}\ntrustDomain: td": 3,
		"workloads: [{uid: a/web, name: web,\n  namespace: a, addresses: [10.0.0.1]}]\ntrustDomain: td\n":                                                                                           2,
		"{\"trustDomain\": \"td\", \"workloads\": [\n{\"uid\": \"w\", \"name\": \"w\", \"namespace\": \"a\", \"addresses\": [\"10.0.0.1\"]}\n]}":                                                    1,
		"\"trustDomain\": td\n" + twoWorkloads:         1,
		"workloads: # none\nservices:\npolicies: []\n": 3,
	} {
		got, err := split([]byte(text))
		if err != nil || len(got) != pieces {
			t.Errorf("%q: %d pieces, %v; want %d", text, len(got), err, pieces)
		}
		samePieces(t, text)
	}
	for _, text := range []string{
		"workloads:\n- {uid: a}\nworkloads:\n- {uid: b}\n", "workloads:\n- {uid: \"a\n- b\"}\n", "workloads:\n- a\n  b: c\n - d\n", "trustDomain: a\n- b\n", "workloads:\n\t- {uid: a}\n",
	} {
		if _, err := (*document)(nil).read("", []byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// What a parser of YAML would see where split does not look, or leave where it does: each is a
// policy that nobody enforces.
func TestSplitRefuses(t *testing.T) {
	deny := "policies:\n- {name: d, namespace: a, scope: namespace, action: DENY, rules: [{namespaces: ['*']}]}\n"
	for want, texts := range map[error][]string{
		errBreaks: {"# c\r" + deny, "# c\u0085" + deny, "# c\u2028" + deny, "# c\u2029" + deny, "policies:\n# c\r- {name: d}\n- {name: e}\n", "\ufeff\ufeff" + deny, "\xff" + deny},
		errDocuments: {
			"---\n---\n" + deny, "---\r\ntrustDomain: td\r\n---\r\n" + deny, "\ufefftrustDomain: td\n---\n" + deny, "--- # one\ntrustDomain: td\n---\n" + deny,
			"\"trustDomain\": td\n---\n" + deny, "{\"trustDomain\": td}\n---\n" + deny, "%YAML 1.1\n---\n" + deny, "...\n" + deny, "trustDomain: td\n...\n" + deny,
		},
		errTwice: {deny + deny, deny + "Policies: []\n", deny + "workloads: []\nPOLICIES: []"},
	} {
		for _, text := range texts {
			if got, err := split([]byte(text)); !errors.Is(err, want) {
				t.Errorf("%q: %d pieces, %v; want %v", text, len(got), err, want)
			}
		}
	}
	for _, text := range []string{"\v\n" + deny, "\u00a0\n" + deny} { // no blank lines
		if _, err := (*document)(nil).read("", []byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// samePieces wants what is read in pieces to be what is read as a whole, or to be refused.
func samePieces(t *testing.T, text string) {
	t.Helper()
	d, err := (*document)(nil).read("", []byte(text))
	if err != nil {
		return
	}
	whole, err := decode([]byte(text))
	if err != nil {
		t.Errorf("%q is read in pieces, and as a whole it is wrong: %v", text, err)
		return
	}
	if got, want := allOf(d.says...), allOf(said{written: whole}); !reflect.DeepEqual(got, want) {
		t.Errorf("%q says in pieces\n%v\nand as a whole\n%v", text, got, want)
	}
	pieces, _ := split([]byte(text))
	for i, p := range pieces { // changed alone, it must not be read in another way than among others
		alone, err := decode(p.whole(nil))
		if err != nil {
			t.Errorf("%q is read among others, and alone it is wrong: %v", p.text, err)
		} else if got, want := allOf(d.says[i]), allOf(said{written: alone}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q says among others\n%v\nand alone\n%v", p.text, got, want)
		}
	}
}

// allOf is what pieces say, in order.
func allOf(all ...said) (out []string) {
	domain := map[string]bool{}
	for _, s := range all {
		if s.trustDomain != "" {
			domain[s.trustDomain] = true
		}
		for _, w := range s.workloads {
			out = append(out, fmt.Sprintf("%+v", *w.raw))
		}
	}
	for _, s := range all {
		for _, v := range s.services {
			out = append(out, fmt.Sprintf("%+v", v.raw))
		}
	}
	for _, s := range all {
		for _, p := range s.policies {
			out = append(out, fmt.Sprintf("%+v", p.raw))
		}
	}
	for _, s := range all {
		for _, p := range s.peers {
			out = append(out, fmt.Sprintf("%+v", p))
		}
	}
	for d := range maps.Keys(domain) {
		out = append(out, d)
	}
	return out
}

func FuzzSplit(f *testing.F) {
	f.Add("trustDomain: td\n" + twoWorkloads + oneService)
	f.Add("workloads:\n  - uid: a\n    hostname: |\n      - b\n\n  # c\n  - {uid: \"d\n  - e\"}\n")
	f.Add("# c\u2028policies: [{name: p}]\nworkloads:\n")
	f.Add("policies:\n# c\r- {name: p}\n- {name: q}\n")
	f.Add("policies:\n- name: p\n  rules:\n  - namespaces: ['*']\n")
	f.Add("workloads:\n- &a {uid: a}\n- *a\n- {uid: \"b\n- c\"}\n- {uid: d}\n")
	f.Add("\t")
	f.Add("#\x0e\n")
	f.Add(meshFile)
	f.Fuzz(samePieces)
}
