package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/cmd/internal/dataplane"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// channelFD is where the anchor puts the cell's end of the channel.
const channelFD = 3

// runChannel serves what the keeper says over descriptor 3.
func runChannel(ctx context.Context, name string, how telemetry.LogConfig) error {
	if err := how.Validate(); err != nil {
		return &dataplane.Misuse{Err: err}
	}
	if kind, err := unix.GetsockoptInt(channelFD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return &dataplane.Misuse{Err: fmt.Errorf("no channel on descriptor %d: a keeper starts this command", channelFD)}
	}
	unix.CloseOnExec(channelFD)
	logs := dataplane.NewLogs(os.Stderr, how, name)
	defer logs.Close()
	log := logs.Log
	feed, err := cell.NewChannel(os.NewFile(channelFD, "channel"), name, log, logs.Level)
	if err != nil {
		return err
	}
	// The channel outlives ctx: while the cell drains, destinations and reports
	// still pass.
	talk, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go readChannel(talk, feed, ended)
	err = cell.Run(ctx, cell.Config{Feed: feed, Transport: dataplane.Transport, Datagrams: dataplane.Datagrams, Log: log, Access: logs.Access, Drain: feed.Drain, Doze: true})
	hangUp()
	if channelErr := <-ended; errors.Is(err, cell.ErrFeedGone) && !errors.Is(channelErr, io.EOF) {
		return errors.Join(err, channelErr)
	}
	return err
}

// readChannel is the goroutine behind the feed; runChannel waits for it.
func readChannel(ctx context.Context, feed *cell.Channel, ended chan<- error) {
	ended <- feed.Run(ctx)
}
