// Command hostile runs in place of a cell, in its jail and with its channel, and talks
// to the keeper as no cell should. What it got goes to stderr.
package main

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// mode is set by the linker: flood, deaf, garbage, version or loud.
var mode = "flood"

var (
	ping        atomic.Uint64 // the last that the keeper sent
	sent        atomic.Uint64
	svids       atomic.Int64 // chains, of whatever identity
	answers     atomic.Int64 // destinations on behalf of another
	descriptors atomic.Int64 // beyond those of its own workload
)

func main() {
	conn, err := channel.New(os.NewFile(3, "channel"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
	conn.SetSendTimeout(time.Minute)
	switch mode {
	case "garbage":
		send(conn, []byte(strings.Repeat("garbage ", 8000)))
	case "version":
		for {
			say(conn, &cell.Message{Hello: &cell.Hello{Version: 77}})
		}
	case "loud":
		go listen(conn)
		go live(conn)
		line := []byte(strings.Repeat("loud ", 200) + "\n")
		for range 4 << 10 { // more than any pipe holds
			_, _ = os.Stderr.Write(line)
		}
		fmt.Fprintln(os.Stderr, "hostile: hoarse")
	case "deaf":
		flood(conn)
	case "flood":
		go listen(conn)
		flood(conn)
	}
	select {}
}

// live answers pings.
func live(conn *channel.Conn) {
	for {
		say(conn, &cell.Message{Pong: &cell.Pong{N: ping.Load()}})
		time.Sleep(50 * time.Millisecond)
	}
}

func say(conn *channel.Conn, m *cell.Message, files ...*os.File) {
	b, err := cell.Encode(m)
	if err != nil {
		panic(err)
	}
	send(conn, b, files...)
}

func send(conn *channel.Conn, b []byte, files ...*os.File) {
	if err := conn.Send(b, files...); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		select {}
	}
	sent.Add(1)
}

// flood says everything that a cell may say, about itself and about others.
func flood(conn *channel.Conn) {
	long := strings.Repeat("x", 50000)
	counts := map[string]telemetry.Counts{"a/server": {Opened: 1 << 60}, "a/hostile": {Opened: 1}}
	for said := time.Now(); ; {
		say(conn, &cell.Message{Pong: &cell.Pong{N: ping.Load(), Counts: counts}}, os.Stdin, os.Stdin, os.Stdin)
		say(conn, &cell.Message{Pong: &cell.Pong{N: 1 << 62}})
		say(conn, &cell.Message{Hello: &cell.Hello{Version: cell.ProtocolVersion, Cell: long}})
		for i := range uint64(50) {
			say(conn, &cell.Message{Resolve: &cell.Resolve{ID: 2 * i, UID: "a/server", Dst: netip.MustParseAddrPort("10.77.0.2:80")}})
			say(conn, &cell.Message{Resolve: &cell.Resolve{ID: 1, UID: "a/hostile", Dst: netip.MustParseAddrPort("10.77.0.2:80")}})
			say(conn, &cell.Message{Sign: &cell.Sign{ID: i, Identity: "spiffe://cluster.local/ns/a/sa/server", CSR: []byte("no CSR")}})
			say(conn, &cell.Message{Sign: &cell.Sign{ID: i, Identity: "spiffe://cluster.local/ns/a/sa/hostile", CSR: []byte("no CSR")}})
			say(conn, &cell.Message{Done: &cell.Done{UID: "a/server", Dropped: true}})
			say(conn, &cell.Message{Done: &cell.Done{UID: "a/hostile", Error: long}})
		}
		if time.Since(said) > 100*time.Millisecond {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "hostile: sent %d svids %d answers %d descriptors %d\n", sent.Load(), svids.Load(), answers.Load(), descriptors.Load())
		}
	}
}

// listen takes what comes, and answers pings so that it lives.
func listen(conn *channel.Conn) {
	for {
		b, files, err := conn.Recv()
		if err != nil {
			return
		}
		m, err := cell.Decode(b)
		if err != nil {
			continue
		}
		switch {
		case m.Ping != nil:
			ping.Store(m.Ping.N)
		case m.Signed != nil && len(m.Signed.Chain) > 0:
			svids.Add(1)
		case m.Answer != nil && m.Answer.ID%2 == 0 && m.Answer.Error == "":
			answers.Add(1)
		}
		if m.Serve == nil || !own(m.Serve) {
			descriptors.Add(int64(len(files)))
		}
		for _, f := range files {
			f.Close()
		}
	}
}

func own(s *cell.Serve) bool {
	return strings.Contains(string(s.Workload), `"a/hostile"`) && !slices.Contains(s.Files, "")
}
