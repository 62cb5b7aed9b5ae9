// Package cork is the socket below a tunnel's TLS.
//
//	socket := cork.New(c, tcp)       // c: what the handshake reads and writes, over tcp
//	t := tls.Client(socket, config)
//	…                                // handshake: every read and write is one of c
//	socket.Batch()                   // from here on the two halves below
//
// crypto/tls reads a record or two at a time and writes each record by itself: a
// system call for every 16 KiB. Beneath it a [Conn] reads whatever the kernel has, up
// to 256 KiB, and holds records back until all of a batch are sealed:
//
//	receiving                                    sending
//	Wait()  blocks until the kernel has bytes    Hold()   records are kept from here on
//	t.Read  takes them record by record;         t.Write  seals into memory
//	        os.ErrDeadlineExceeded-like [Empty]  Flush()  one write
//	        when no whole record is left
//
// Read never blocks after Batch: it returns [Empty], which crypto/tls takes for a
// temporary failure and goes on after. So whoever reads learns that all that came is
// dealt with, and can let go of its buffers before it waits; a connection that waits
// holds none.
//
// # Ownership
//
// A Conn owns the connection under it; Close closes that. One goroutine may use the
// receiving half while another uses the sending half. Buffers come from a pool and go
// back as soon as they are empty.
package cork
