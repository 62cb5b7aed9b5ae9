package lab

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Overflows is how many connections a pod's listeners have dropped because their queues
// were full, since the pod began.
func (l *Lab) Overflows(pod string) (n int64, err error) {
	if _, ok := l.topology.Pod(pod); !ok {
		return 0, l.unknownPod(pod)
	}
	err = l.fabric.pods[pod].Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/netstat")
		if err == nil {
			n, err = netstat(string(b), "TcpExt", "ListenOverflows")
		}
		return err
	})
	return n, at("overflows", pod, err)
}

// netstat finds a counter: each group has a line of names and then one of values.
func netstat(text, group, name string) (int64, error) {
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != group+":" {
			continue
		}
		i := slices.Index(names, name)
		if i > 0 && i < len(f) {
			return strconv.ParseInt(f[i], 10, 64)
		}
		names = f
	}
	return 0, fmt.Errorf("no counter %s of %s", name, group)
}
