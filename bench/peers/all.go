package peers

// Names of peers.
const (
	Direct       = "direct"
	Splice       = "splice"
	XNet         = "x/net/http2"
	QUICGo       = "quic-go"
	Nginx        = "nginx"
	NginxTuned   = "nginx-tuned"
	Haproxy      = "haproxy"
	HaproxyTuned = "haproxy-tuned"
)

var (
	nginxVersion   = []string{"nginx", "-v"}
	haproxyVersion = []string{"haproxy", "-v"}
)

// All is every peer that needs nothing but its package, in the order of tables.
func All() []Peer {
	return []Peer{
		{Name: Direct, About: "no proxy at all: the client dials the application"},
		{Name: Splice, About: "two plain TCP relays in Go, splice(2), no TLS: the floor", client: splice, server: splice},
		{Name: XNet, TLS: true, client: xnetClient, server: xnetServer,
			About: "HTTP/2 CONNECT on x/net's Transport and Server, one pooled tunnel, windows and buffers tuned"},
		{Name: QUICGo, TLS: true, UDP: true, client: quicClient, server: quicServer,
			About: "a stream of one QUIC connection for each connection, on quic-go, no HTTP/3"},
		{Name: Nginx, TLS: true, client: nginx(false, clientEnd), server: nginx(false, serverEnd), version: nginxVersion,
			About: "nginx stream module at its defaults, a TLS connection for each connection, sessions resumed by ticket"},
		{Name: NginxTuned, TLS: true, client: nginx(true, clientEnd), server: nginx(true, serverEnd), version: nginxVersion,
			About: "nginx with buffers of 128 KiB, a session cache, one ticket a handshake, a long backlog"},
		{Name: Haproxy, TLS: true, client: haproxy(false, clientEnd), server: haproxy(false, serverEnd), version: haproxyVersion,
			About: "haproxy in TCP mode at its defaults, a TLS connection for each connection"},
		{Name: HaproxyTuned, TLS: true, client: haproxy(true, clientEnd), server: haproxy(true, serverEnd), version: haproxyVersion,
			About: "haproxy with buffers of 128 KiB, a larger session cache, 500 events a poll"},
	}
}

// Named is a peer of All.
func Named(name string) (Peer, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Peer{}, false
}
