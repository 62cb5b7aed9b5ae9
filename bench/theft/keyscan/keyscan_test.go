package keyscan

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// issue makes private keys and what keyscan is given of them.
func issue(t *testing.T, n int) ([]*ecdsa.PrivateKey, *Keys) {
	t.Helper()
	var private []*ecdsa.PrivateKey
	var spki [][]byte
	for range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		private, spki = append(private, key), append(spki, public(t, key))
	}
	keys, err := NewKeys(spki)
	if err != nil {
		t.Fatal(err)
	}
	return private, keys
}

func public(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func scalar(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	b, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// noise is memory that looks like keys and holds none.
func noise(n int) []byte {
	b := make([]byte, n)
	mathrand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func (k *Keys) formsIn(memory []byte) map[string]int {
	forms := map[string]int{}
	k.newScanner(func(key int, form string) { forms[fmt.Sprintf("%d %s", key, form)]++ }).scan(memory)
	return forms
}

func TestEveryFormIsFound(t *testing.T) {
	private, keys := issue(t, 3)
	wanted := scalar(t, private[1])
	reversed := slices.Clone(wanted)
	slices.Reverse(reversed)
	for _, c := range []struct {
		name string
		at   int
		put  []byte
		want map[string]int
	}{
		{"bytes", 64, wanted, map[string]int{"1 bytes": 1}},
		{"words", 4096 - 32, reversed, map[string]int{"1 words": 1}},
		{"first", 0, wanted, map[string]int{"1 bytes": 1}},
		{"der, anywhere", 101, append([]byte(derPrefix), wanted...), map[string]int{"1 der": 1}},
		{"der after a false start", 99, append([]byte("\x04\x04\x20"), wanted...), map[string]int{"1 der": 1}},
		{"der at the end", 4095 - 34, append([]byte(derPrefix), wanted...), map[string]int{"1 der": 1}},
		{"not aligned", 65, wanted, map[string]int{}},
		{"cut off", 4096 - 24, wanted[:24], map[string]int{}},
		{"nothing", 0, nil, map[string]int{}},
	} {
		memory := noise(4096)
		copy(memory[c.at:], c.put)
		if got := keys.formsIn(memory); !maps.Equal(got, c.want) {
			t.Errorf("%s: found %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAKeyOfNobodyIsNotFound(t *testing.T) {
	_, keys := issue(t, 1)
	other, _ := issue(t, 1)
	if got := keys.formsIn(scalar(t, other[0])); len(got) != 0 {
		t.Errorf("found %v for a key that was not issued", got)
	}
	if got := keys.formsIn(slices.Repeat([]byte{0xff}, 64)); len(got) != 0 {
		t.Errorf("found %v in what is no scalar", got)
	}
}

// TestFilterMissesNoKey computes how many random keys have fewer different bytes than
// the filter wants, by counting surjections, and holds it to what the package says.
func TestFilterMissesNoKey(t *testing.T) {
	// ways[d] is the number of strings so far with exactly d different bytes.
	ways := make([]*big.Int, size+1)
	for i := range ways {
		ways[i] = new(big.Int)
	}
	ways[0].SetInt64(1)
	for range size {
		for d := size; d > 0; d-- {
			again := new(big.Int).Mul(ways[d], big.NewInt(int64(d)))
			fresh := new(big.Int).Mul(ways[d-1], big.NewInt(int64(256-d+1)))
			ways[d] = again.Add(again, fresh)
		}
		ways[0].SetInt64(0)
	}
	missed := new(big.Int)
	for d := range distinct {
		missed.Add(missed, ways[d])
	}
	all := new(big.Int).Exp(big.NewInt(256), big.NewInt(size), nil)
	share, _ := new(big.Rat).SetFrac(missed, all).Float64()
	if share > 1.5e-10 || share < 1e-10 {
		t.Errorf("a random key is passed over with probability %.2g, the package says 1.4e-10", share)
	}
	if varied(slices.Repeat([]byte("0123456789abcdef012"), 2)[:size]) {
		t.Error("19 different bytes pass the filter")
	}
}

func TestOnlyP256(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKeys([][]byte{public(t, key)}); err == nil {
		t.Error("a key of P-384 was accepted")
	}
	if _, err := NewKeys([][]byte{{1, 2, 3}}); err == nil {
		t.Error("garbage was accepted")
	}
}

// holder is the variable that makes this test binary a process with a key.
const holder = "BULKHEAD_TEST_HOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(holder) != "" {
		hold()
		return
	}
	os.Exit(m.Run())
}

// hold makes a key, signs with it as a cell does, says which it is, and keeps it.
func hold() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		_, err = key.Sign(rand.Reader, make([]byte, 32), nil)
	}
	var der []byte
	if err == nil {
		der, err = x509.MarshalPKIXPublicKey(key.Public())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%x\n", der)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test is done
	fmt.Println(key.Curve)               // so that the key lives until here
}

// startHolder starts one and returns its pid and its public key.
func startHolder(t *testing.T) (int, []byte) {
	t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), holder+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	t.Cleanup(func() {
		in.Close()
		_, _ = io.Copy(io.Discard, lines)
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var der []byte
	if _, err := fmt.Sscanf(line, "%x", &der); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid, der
}

// TestProcess: each process has its own key and not the other's, by two real ones.
func TestProcess(t *testing.T) {
	first, firstKey := startHolder(t)
	second, secondKey := startHolder(t)
	keys, err := NewKeys([][]byte{firstKey, secondKey})
	if err != nil {
		t.Fatal(err)
	}
	for i, pid := range []int{first, second} {
		found, stats, err := keys.InProcess(t.Context(), pid)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("process %d: %v, %+v", i, found, stats)
		if len(found) != 1 || found[0].Key != i {
			t.Errorf("process %d holds %v, want its own key only", i, found)
		}
	}
	if _, _, err := keys.InProcess(t.Context(), 1<<30); err == nil {
		t.Error("a process that does not exist was scanned")
	}
}
