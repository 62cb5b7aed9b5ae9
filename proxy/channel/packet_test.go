package channel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// numbered is a file whose content is its number.
func numbered(t *testing.T, n uint64) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("numbered", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "numbered")
	if _, err := f.Write(binary.BigEndian.AppendUint64(nil, n)); err != nil {
		t.Fatal(err)
	}
	return f
}

func number(t *testing.T, f *os.File) uint64 {
	t.Helper()
	b := make([]byte, 8)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint64(b)
}

// Whatever is sent arrives once, whole, in order, with its own descriptors in order,
// in both directions at once, and no descriptor stays behind.
func TestPacketsArriveAsSent(t *testing.T) {
	before := openFDs(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	a, b := pair(t)
	var wg sync.WaitGroup
	for i, way := range []struct{ from, to *Conn }{{a, b}, {b, a}} {
		const packets = 200
		random := func() *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(i))) }
		wg.Go(func() { sendRandom(t, way.from, random(), packets) })
		wg.Go(func() { recvRandom(t, way.to, random(), packets) })
	}
	wg.Wait()
	a.Close()
	b.Close()
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// randomPacket is the next packet that a seed stands for: its size, a filling, and
// the numbers of its files.
func randomPacket(r *rand.Rand) (b []byte, files []uint64) {
	size := 1 + r.IntN(200)
	switch r.IntN(10) {
	case 0:
		size = MaxPacket
	case 1:
		size = 1 + r.IntN(MaxPacket)
	}
	b = bytes.Repeat([]byte{byte(r.Uint32())}, size)
	if r.IntN(2) == 0 {
		for range r.IntN(MaxFiles + 1) {
			files = append(files, r.Uint64())
		}
	}
	return b, files
}

func sendRandom(t *testing.T, c *Conn, r *rand.Rand, packets int) {
	for i := range packets {
		b, numbers := randomPacket(r)
		var files []*os.File
		for _, n := range numbers {
			files = append(files, numbered(t, n))
		}
		if err := c.Send(b, files...); err != nil {
			t.Errorf("packet %d: %v", i, err)
			c.Close()
		}
		for _, f := range files {
			f.Close()
		}
	}
}

func recvRandom(t *testing.T, c *Conn, r *rand.Rand, packets int) {
	for i := range packets {
		want, numbers := randomPacket(r)
		got, files, err := c.Recv()
		if err != nil {
			t.Errorf("packet %d: %v", i, err)
			c.Close()
			return
		}
		if !bytes.Equal(got, want) {
			t.Errorf("packet %d: %d bytes arrived, %d were sent, or others", i, len(got), len(want))
		}
		if len(files) != len(numbers) {
			t.Errorf("packet %d: %d files, want %d", i, len(files), len(numbers))
		}
		for j, f := range files {
			if n := number(t, f); j < len(numbers) && n != numbers[j] {
				t.Errorf("packet %d: file %d is %d, want %d", i, j, n, numbers[j])
			}
			f.Close()
		}
	}
}

func TestConcurrentSenders(t *testing.T) {
	a, b := pair(t)
	const senders, each = 16, 100
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				f := numbered(t, uint64(s))
				if err := a.Send(fmt.Appendf(nil, "%d %d", s, i), f); err != nil {
					t.Errorf("sender %d: %v", s, err)
				}
				f.Close()
			}
		})
	}
	next := map[int]int{}
	for range senders * each {
		got, files, err := b.Recv()
		if err != nil || len(files) != 1 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		var s, i int
		if _, err := fmt.Sscanf(string(got), "%d %d", &s, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[s] || number(t, files[0]) != uint64(s) {
			t.Errorf("sender %d: packet %d with file %d, want packet %d", s, i, number(t, files[0]), next[s])
		}
		next[s]++
		files[0].Close()
	}
	wg.Wait()
}

func TestSendRefusesWhatCannotBeSent(t *testing.T) {
	a, b := pair(t)
	f := numbered(t, 1)
	defer f.Close()
	many := make([]*os.File, MaxFiles+1)
	for i := range many {
		many[i] = f
	}
	for name, send := range map[string]func() error{
		"nothing":         func() error { return a.Send(nil) },
		"only a file":     func() error { return a.Send(nil, f) },
		"too many bytes":  func() error { return a.Send(make([]byte, MaxPacket+1)) },
		"too many files":  func() error { return a.Send([]byte("x"), many...) },
		"too many, as fd": func() error { return a.SendFDs([]byte("x"), make([]int, MaxFiles+1)...) },
	} {
		var size *SizeError
		if err := send(); !errors.As(err, &size) {
			t.Errorf("%s: %v, want a *SizeError", name, err)
		}
	}
	closed := numbered(t, 2)
	closed.Close()
	if err := a.Send([]byte("x"), f, closed); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed file: %v, want os.ErrClosed", err)
	}
	if err := a.Send([]byte("first"), many[1:]...); err != nil {
		t.Fatal(err)
	}
	got, files, err := b.Recv()
	if err != nil || string(got) != "first" || len(files) != MaxFiles {
		t.Errorf("received %q with %d files, %v", got, len(files), err)
	}
	for _, f := range files {
		f.Close()
	}
}

// A peer that is not bound by Send's limits.
func TestOversizedPacketsAreRefused(t *testing.T) {
	f := numbered(t, 1)
	defer f.Close()
	fds := func(n int) []byte {
		list := make([]int, n)
		for i := range list {
			list[i] = int(f.Fd())
		}
		return unix.UnixRights(list...)
	}
	for name, tc := range map[string]struct {
		bytes, files int
		lost         bool
	}{
		"bytes":           {MaxPacket + 1, 0, false},
		"bytes and files": {MaxPacket + 1, 2, false},
		"files":           {10, MaxFiles + 1, true},
		"most files":      {10, 253, true},
		"both":            {100_000, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			before := openFDs(t)
			var oob []byte
			if tc.files > 0 {
				oob = fds(tc.files)
			}
			if err := a.write(make([]byte, tc.bytes), oob); err != nil {
				t.Fatal(err)
			}
			if err := a.Send([]byte("next")); err != nil {
				t.Fatal(err)
			}
			_, files, err := b.Recv()
			var truncated *TruncatedError
			if !errors.As(err, &truncated) || len(files) != 0 {
				t.Fatalf("%d files, %v, want a *TruncatedError", len(files), err)
			}
			if truncated.Bytes != tc.bytes || truncated.Files != tc.lost {
				t.Errorf("got %+v, want %d bytes, lost files %t", truncated, tc.bytes, tc.lost)
			}
			if after := openFDs(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
			if got, _, err := b.Recv(); err != nil || string(got) != "next" {
				t.Errorf("the next packet: %q, %v", got, err)
			}
		})
	}
}

// recv cannot tell an empty packet from the end.
func TestEmptyPacketIsTheEnd(t *testing.T) {
	a, b := pair(t)
	a.raw.Control(func(fd uintptr) {
		if err := unix.Send(int(fd), nil, 0); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := b.Recv(); err != io.EOF {
		t.Errorf("Recv: %v, want io.EOF", err)
	}
}

func TestDescriptorLimit(t *testing.T) {
	a, b := pair(t)
	f := numbered(t, 1)
	defer f.Close()
	if err := a.Send([]byte("x"), f, f, f, f); err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	before := openFDs(t) // one of them is that of the directory, closed since
	low := unix.Rlimit{Cur: uint64(before + 1), Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	_, files, err := b.Recv()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	var truncated *TruncatedError
	if !errors.As(err, &truncated) || !truncated.Files || len(files) != 0 {
		t.Errorf("%d files, %v, want a *TruncatedError for files", len(files), err)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
