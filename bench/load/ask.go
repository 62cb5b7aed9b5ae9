package load

import (
	"bufio"
	"net"
)

// Ask sends one request with a marker over a connection and waits for its answer.
func Ask(c net.Conn, marker string) error {
	frame := appendRequest(nil, 0, 0, marker)
	if _, err := c.Write(frame); err != nil {
		return err
	}
	body, err := readFrame(bufio.NewReaderSize(c, 2+maxFrame))
	if err != nil {
		return err
	}
	_, err = answers(frame[2:], body)
	return err
}
