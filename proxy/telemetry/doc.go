// Package telemetry is every log key and every counter of the data path.
//
// A [Record] describes one connection. The data path fills it from left to right
// while the connection moves along the straight path, and writes it exactly once,
// at the end, as one access line; the last [Stage] it reached says where a failed
// connection failed, and the lab attributes errors by it.
//
// Access lines go through a [Sink]: a bounded queue with one writer. A blocked
// stdout must cost lines, never connections (ztunnel's lossless queue lets a stuck
// log pipe stall every workload of a node), so the sink drops and counts.
//
// Which connections have a line, and in which format, is in a [LogConfig].
//
// [Counters] are per workload and cumulative. A cell reports them to its keeper,
// which serves /metrics: counters outlive the cell that counted, and a cell links
// no metrics library.
//
//	c.Open()                 // accepted
//	s := c.Carry(&record)    // connected: from now on s.Sent and s.Received count its bytes
//	c.Close(&record)         // ended, well or not
//
// [Counters.Carry] finds the connection's [Series]: one for each [Key], which is what this
// end knows of the other one. [Table.News] hands out what a series has counted since it was
// last asked; package istio makes metrics of it.
package telemetry
