//lint:file-ignore SA1019 this library is what is measured; net/http would put its own pool and its own server around it

package xnet

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/bench/peers/plain"
)

// Server carries the streams of the tunnels that l accepts to next.
func Server(ctx context.Context, l net.Listener, next string, f Files) error {
	config, roots, err := f.Config(http2.NextProtoTLS)
	if err != nil {
		return err
	}
	config.ClientCAs, config.ClientAuth = roots, VerifyClients
	h2 := &http2.Server{
		MaxConcurrentStreams: mostStreams, MaxReadFrameSize: frameSize,
		MaxUploadBufferPerConnection: connWindow, MaxUploadBufferPerStream: streamWindow,
	}
	return plain.Accept(ctx, l, func(ctx context.Context, c *net.TCPConn) {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
		secured := tls.Server(newBuffered(c), config)
		if secured.HandshakeContext(ctx) != nil {
			return
		}
		h2.ServeConn(secured, &http2.ServeConnOpts{Context: ctx, Handler: handler(next)})
	})
}

func handler(next string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		var d net.Dialer
		c, err := d.DialContext(r.Context(), "tcp", next)
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		deliver(w, r, c.(*net.TCPConn))
	})
}

// deliver carries both directions until the application has ended its own; an error of either resets the stream and the
// connection.
func deliver(w http.ResponseWriter, r *http.Request, c *net.TCPConn) {
	up := make(chan struct{})
	go func() { defer close(up); upstream(c, r.Body) }()
	err := downstream(w, c)
	if err != nil {
		_ = c.SetLinger(0)
	}
	c.Close()
	r.Body.Close() // ends upstream
	<-up
	if err != nil {
		panic(http.ErrAbortHandler) // the library's word for a reset
	}
}

func upstream(c *net.TCPConn, body io.Reader) {
	_, err := io.CopyBuffer(struct{ io.Writer }{c}, body, make([]byte, portion))
	if err == nil {
		err = c.CloseWrite()
	}
	if err != nil {
		_ = c.SetLinger(0)
		c.Close()
	}
}

func downstream(w http.ResponseWriter, c *net.TCPConn) error {
	out := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	if err := out.Flush(); err != nil {
		return err
	}
	buf := make([]byte, portion)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
