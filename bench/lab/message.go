package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// The lab's socket carries one request per connection: a first byte, to which the
// client's stdin, stdout and stderr are attached when it wants a program run, then
// JSON lines. The client sends a request, and signals for its program while that
// runs; the lab sends one reply.

// request is exactly one of its fields.
type request struct {
	Exec   *command `json:"exec,omitempty"`
	Status bool     `json:"status,omitempty"`
	Down   bool     `json:"down,omitempty"`
	Trust  string   `json:"trust,omitempty"` // a workload
	Move   *move    `json:"move,omitempty"`
	Signal int      `json:"signal,omitempty"`
}

// move is a workload and the isolation that it shall have.
type move struct {
	Pod string `json:"pod"`
	To  string `json:"to"`
}

// reply is what the lab says in the end.
type reply struct {
	Exit   int     `json:"exit,omitempty"`
	Error  string  `json:"error,omitempty"`
	Misuse bool    `json:"misuse,omitempty"`
	Status *Status `json:"status,omitempty"`
	// Trust is a record of package trust; the lab only hands it on.
	Trust json.RawMessage `json:"trust,omitempty"`
	// Moved is what the keeper said of a move.
	Moved json.RawMessage `json:"moved,omitempty"`
}

// firstByte begins every connection; another one is another version.
const firstByte = 'b'

// maxRequest is more than the kernel takes as arguments and environment of a program.
const maxRequest = 4 << 20

// greet sends the first byte with the descriptors.
func greet(c *net.UnixConn, files ...*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	_, _, err := c.WriteMsgUnix([]byte{firstByte}, rights, nil)
	return err
}

// receive takes the first byte and the descriptors, which become the caller's.
func receive(c *net.UnixConn, most int) ([]*os.File, error) {
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4*most))
	n, oobn, flags, _, err := c.ReadMsgUnix(b[:], oob)
	if err != nil {
		return nil, err
	}
	files, err := filesOf(oob[:oobn])
	if err == nil && (n != 1 || b[0] != firstByte || flags&unix.MSG_CTRUNC != 0) {
		err = errors.New("not a bulkhead of this version")
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

func filesOf(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue // credentials, say
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("stdio%d", len(files))))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// lines reads JSON lines without unknown keys.
type lines struct{ scanner *bufio.Scanner }

func newLines(r io.Reader) lines {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxRequest)
	return lines{s}
}

// next is io.EOF at the end.
func (l lines) next(v any) error {
	if !l.scanner.Scan() {
		if err := l.scanner.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	return decode(l.scanner.Bytes(), v)
}

func send(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// decode is strict: a request of another version is refused rather than half
// understood.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
