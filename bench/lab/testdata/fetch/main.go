// Command fetch prints what an HTTP server answers: fetch -4|-6 URL. Tests run it
// inside pods where a person would run curl, which not every machine has.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := fetch("tcp"+os.Args[1][1:], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fetch(network, url string) error {
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	c := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial}}
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}
