package rules

import (
	"net/netip"
	"testing"
)

// Conntrack remembers the translation of a connection whose end it did not see, because
// somebody flushed the rules meanwhile. Removed with everything else, it cannot lead a later
// connection between the same two ports to where nobody listens any more.
func TestRemoveForgetsTranslations(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	outbound := w.listen(w.A, node.Ports.Outbound)
	for _, s := range w.sides() {
		from := netip.AddrPortFrom(s.pod, 40000)
		app := w.dialFrom(w.A, from, netip.AddrPortFrom(s.peer, 8080))
		proxy := w.accept(outbound)
		w.send(app, proxy, "MARKER")
		deleteTables(captureName, keepName, guardName)(w) // conntrack sees no end from here on
		w.must(app.SetLinger(0))
		w.must(app.Close())
		w.must(proxy.Close())
		w.install(node)
	}
	w.must(outbound.Close())
	w.must(Remove(t.Context(), w.A))
	w.install(sidecar)
	there := w.listen(w.A, sidecar.Ports.Outbound)
	for _, s := range w.sides() {
		c := w.dialFrom(w.A, netip.AddrPortFrom(s.pod, 40000), netip.AddrPortFrom(s.peer, 8080))
		w.send(c, w.accept(there), "MARKER")
	}
}
