package attack

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
)

// Orders say who is who: what a thief would find out, and what it would guess.
type Orders struct {
	By        string     `json:"by"`      // trust.ByCell or trust.ByApplication
	Culprit   string     `json:"culprit"` // the workload whose cell, or application, this is
	Group     []string   `json:"group"`   // workloads that the cell serves
	Calls     []int      `json:"calls"`   // that the filter lets pass; empty: there is none
	Lives     string     `json:"lives"`   // the network namespace: of a pod, of a node, or trust.NoNetns
	Workloads []Workload `json:"workloads"`
	Processes []Process  `json:"processes"` // of others
	Files     []File     `json:"files"`     // of others
	CA        string     `json:"ca"`        // socket
	Token     string     `json:"token"`     // file of the sidecar's own token; empty: none
	// Observer is a pod outside the mesh where forged packets go, to a port of its own each.
	Observer  netip.Addr `json:"observer"`
	Observer6 netip.Addr `json:"observer6"`
	FirstPort uint16     `json:"firstPort"`
	// Allowed and Denied are destinations that policy lets the culprit ask, and not; both
	// answer HTTP.
	Allowed []Destination `json:"allowed"`
	Denied  []Destination `json:"denied"`
	Proxy   string        `json:"proxy"` // what the application calls the process that serves it
	Ports   []uint16      `json:"ports"` // on which that listens
	// Imposture is done instead of everything else.
	Imposture *Imposture `json:"imposture,omitempty"`
}

// Workload is one of the mesh.
type Workload struct {
	Name     string     `json:"name"`
	Identity string     `json:"identity"`
	Address  netip.Addr `json:"address"`
	Address6 netip.Addr `json:"address6"` // zero: it has none
	Netns    string     `json:"netns"`    // path by which the lab's processes enter it
}

// Process is one that the attack has no business with.
type Process struct {
	Name string `json:"name"`
	PID  int    `json:"pid"` // in the lab
}

// File is one, or a socket to connect to.
type File struct {
	Path   string `json:"path"`
	Owner  string `json:"owner"` // what is reached with it
	Socket bool   `json:"socket"`
}

// Destination is an application behind another proxy.
type Destination struct {
	Workload string         `json:"workload"`
	Identity string         `json:"identity"`
	Address  netip.AddrPort `json:"address"` // of its page
	As       string         `json:"as"`      // identity that policy would let in
	AsUID    string         `json:"asUID"`   // of that workload
	Source   netip.Addr     `json:"source"`  // its address
}

// trailer follows the program: the orders, their length, and a mark.
const (
	mark      = "bulkhead-attack\n"
	tail      = 8 + len(mark)
	maxOrders = 4 << 20
)

// Write writes the program with orders behind it to a new file.
func Write(path, program string, o Orders) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	b, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	text = append(text, b...)
	text = binary.BigEndian.AppendUint64(text, uint64(len(b)))
	if err := os.WriteFile(path, append(text, mark...), 0o755); err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	return os.Chmod(path, 0o755) // whatever the umask: a cell has another uid
}

// ErrNoOrders is a program that was started by itself.
var ErrNoOrders = errors.New("there are no orders behind this program: it is for the lab, which starts it (bulkhead drill run key-theft)")

// Own reads the orders behind this program. The jail leaves it this one file.
func Own() (Orders, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return Orders{}, fmt.Errorf("attack: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Orders{}, fmt.Errorf("attack: %w", err)
	}
	return read(f, st.Size())
}

func read(f io.ReaderAt, size int64) (o Orders, err error) {
	end := make([]byte, tail)
	if size < int64(tail) {
		return o, ErrNoOrders
	}
	if _, err := f.ReadAt(end, size-int64(tail)); err != nil {
		return o, fmt.Errorf("attack: %w", err)
	}
	if string(end[8:]) != mark {
		return o, ErrNoOrders
	}
	n := binary.BigEndian.Uint64(end)
	if n > maxOrders || int64(n) > size-int64(tail) {
		return o, fmt.Errorf("attack: orders of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, size-int64(tail)-int64(n)); err != nil {
		return o, fmt.Errorf("attack: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return o, fmt.Errorf("attack: orders: %w", err)
	}
	return o, nil
}
