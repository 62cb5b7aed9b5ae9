//lint:file-ignore SA1019 this library is what is measured; net/http would put its own pool and its own server around it

package xnet

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/bench/peers/plain"
)

// authority of every request: the server has one application only.
const authority = "application.peers.test:80"

// Client carries what l accepts to the server at next, whose certificate must have the name.
func Client(ctx context.Context, l net.Listener, next, name string, f Files) error {
	config, roots, err := f.Config(http2.NextProtoTLS)
	if err != nil {
		return err
	}
	config.RootCAs, config.ServerName = roots, name
	t, err := transport(next, config)
	if err != nil {
		return err
	}
	defer t.CloseIdleConnections()
	return plain.Accept(ctx, l, func(ctx context.Context, c *net.TCPConn) { carry(ctx, t, c) })
}

// transport keeps one tunnel: requests beyond the peer's limit wait for it instead of opening another.
func transport(next string, config *tls.Config) (*http2.Transport, error) {
	h1 := &http.Transport{HTTP2: &http.HTTP2Config{
		MaxReadFrameSize: frameSize, MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connWindow,
	}}
	t, err := http2.ConfigureTransports(h1)
	if err != nil {
		return nil, err
	}
	t.StrictMaxConcurrentStreams, t.DisableCompression = true, true
	t.DialTLSContext = func(ctx context.Context, network, _ string, _ *tls.Config) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, next)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(newBuffered(c), config)
		if err := secured.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, err
		}
		return secured, nil
	}
	// ConfigureTransports gives a pool that does not dial; without one the transport has its own, which does.
	t.ConnPool = nil
	return t, nil
}

// carry is one connection, which the caller closes.
func carry(ctx context.Context, t *http2.Transport, c *net.TCPConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	upload := &upload{TCPConn: c, ended: make(chan struct{})}
	request := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: authority}, Host: authority,
		Header: http.Header{}, Body: upload, ContentLength: -1,
	}
	answer, err := t.RoundTrip(request.WithContext(ctx))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = http.ErrNotSupported
	}
	if err == nil {
		defer answer.Body.Close()
		_, err = io.CopyBuffer(struct{ io.Writer }{c}, answer.Body, make([]byte, portion))
	}
	if err == nil {
		err = c.CloseWrite()
	}
	if err != nil {
		_ = c.SetLinger(0) // what broke there breaks here
		return
	}
	<-upload.ended
}

// upload is the connection as a request's body.
type upload struct {
	*net.TCPConn
	once  sync.Once
	ended chan struct{} // closed when the library reads no more
}

// Close is called when all has been read, and to stop a read whose stream has ended. The other direction goes on.
func (u *upload) Close() error {
	u.once.Do(func() {
		_ = u.CloseRead()
		close(u.ended)
	})
	return nil
}
