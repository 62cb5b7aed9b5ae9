package redirect

// Marks, all under MarkMask but for the bit that makes MarkDelivery of MarkProxy.
const (
	// MarkProxy is the packet mark of sockets that the proxy opens in a pod.
	MarkProxy = 0x539
	// MarkDelivery is MarkProxy with a bit more, for connections to the application. It says
	// in which zone of conntrack they live. It belongs to the socket and not to the rules:
	// a delivery of a proxy that does not know zones stays in none when the rules get one.
	MarkDelivery = 1<<12 | MarkProxy
	// MarkReply is the conntrack mark of deliveries to the application, and the
	// packet mark that routes the application's replies to the proxy.
	MarkReply = 0x111
	// MarkCaptured is the conntrack mark of captured outbound connections.
	MarkCaptured = 0x333
	// MarkMask are the bits that the marks above use.
	MarkMask = 0xfff
)
