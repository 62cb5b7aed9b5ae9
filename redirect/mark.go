package redirect

// Marks, all under MarkMask.
const (
	// MarkProxy is the packet mark of sockets that the proxy opens in a pod.
	MarkProxy = 0x539
	// MarkReply is the conntrack mark of deliveries to the application, and the
	// packet mark that routes the application's replies to the proxy.
	MarkReply = 0x111
	// MarkCaptured is the conntrack mark of captured outbound connections.
	MarkCaptured = 0x333
	// MarkMask are the bits that the marks above use.
	MarkMask = 0xfff
)
