package load

import (
	"context"
	"errors"
	"io"
)

// Config says who this application is and where it listens.
type Config struct {
	Pod    string   // its name, for the page
	Listen []string // addresses of the frame server, such as ":9000" (both families)
	HTTP   string   // address of the page, such as ":8080"; empty: none
	Marker string   // carried by every request of this pod, at most 64 bytes
}

// Serve runs the application until ctx is done or in ends: the servers, and the
// clients that commands on in start. It writes records and events to out.
func Serve(ctx context.Context, c Config, in io.Reader, out io.Writer) error {
	return errors.New("not yet")
}
