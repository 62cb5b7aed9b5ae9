package hbone

import (
	"fmt"
	"net/url"
	"strings"
)

const (
	maxHeader  = 8192 // W3C Baggage section 3.3.2: what a receiver must take
	maxMembers = 64   // ditto
)

// Baggage describes a workload to its peer (W3C Baggage, with OpenTelemetry
// names). It is what the peer claims: good for records, never for decisions.
type Baggage struct {
	Cluster      string
	Namespace    string
	WorkloadType string // deployment, cronjob, job or pod; pod when empty
	Workload     string
	Service      string
	Version      string
	Region       string
	Zone         string
}

// workloadTypes are the kinds that have a key of their own, and their order.
var workloadTypes = [...]string{"deployment", "cronjob", "job", "pod"}

// Encode returns the header text; empty parts are left out.
func (b Baggage) Encode() string {
	var out []string
	add := func(key, value string) {
		if value != "" {
			out = append(out, key+"="+escape(value))
		}
	}
	add("k8s.cluster.name", b.Cluster)
	add("k8s.namespace.name", b.Namespace)
	add("k8s."+b.workloadType()+".name", b.Workload)
	add("service.name", b.Service)
	add("service.version", b.Version)
	add("cloud.region", b.Region)
	add("cloud.availability_zone", b.Zone)
	return strings.Join(out, ",")
}

func (b Baggage) workloadType() string {
	for _, t := range workloadTypes {
		if b.WorkloadType == t {
			return t
		}
	}
	return "pod"
}

// ParseBaggage reads a baggage header. Unknown keys and member properties are
// skipped; a member that is no pair, or a broken escape, is an error.
func ParseBaggage(s string) (Baggage, error) {
	var b Baggage
	if len(s) > maxHeader {
		return b, fmt.Errorf("baggage: longer than %d bytes", maxHeader)
	}
	for i, member := range strings.Split(s, ",") {
		if i == maxMembers {
			return Baggage{}, fmt.Errorf("baggage: more than %d members", maxMembers)
		}
		member, _, _ = strings.Cut(member, ";")
		if member = strings.Trim(member, " \t"); member == "" {
			continue
		}
		if err := b.take(member); err != nil {
			return Baggage{}, err
		}
	}
	return b, nil
}

func (b *Baggage) take(member string) error {
	key, value, ok := strings.Cut(member, "=")
	if !ok {
		return fmt.Errorf("baggage: %q is not a pair", clip(member))
	}
	value, err := url.PathUnescape(strings.Trim(value, " \t"))
	if err != nil {
		return fmt.Errorf("baggage: %w", err)
	}
	switch key = strings.Trim(key, " \t"); key {
	case "k8s.cluster.name":
		b.Cluster = value
	case "k8s.namespace.name":
		b.Namespace = value
	case "service.name":
		b.Service = value
	case "service.version":
		b.Version = value
	case "cloud.region":
		b.Region = value
	case "cloud.availability_zone":
		b.Zone = value
	default:
		b.takeWorkload(key, value)
	}
	return nil
}

func (b *Baggage) takeWorkload(key, value string) {
	for _, t := range workloadTypes {
		if key == "k8s."+t+".name" && value != "" {
			b.WorkloadType, b.Workload = t, value
		}
	}
}

// escape percent-encodes all but baggage-octet (W3C Baggage section 3.3.1.3).
// url.QueryEscape would write a space as "+", which no receiver undoes.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;\%`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
