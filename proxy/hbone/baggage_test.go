package hbone

import (
	"strings"
	"testing"
)

var full = Baggage{Cluster: "c", Namespace: "ns", WorkloadType: "deployment", Workload: "w", Service: "s", Version: "v1", Region: "r", Zone: "z"}

const fullText = "k8s.cluster.name=c,k8s.namespace.name=ns,k8s.deployment.name=w,service.name=s,service.version=v1,cloud.region=r,cloud.availability_zone=z"

func TestBaggage(t *testing.T) {
	for want, b := range map[string]Baggage{
		fullText:                       full,
		"":                             {},
		"k8s.namespace.name=ns":        {Namespace: "ns"},
		"k8s.pod.name=p":               {WorkloadType: "pod", Workload: "p"},
		"k8s.cronjob.name=p":           {WorkloadType: "cronjob", Workload: "p"},
		"k8s.job.name=p":               {WorkloadType: "job", Workload: "p"},
		"service.name=a%20b%2Cc%3B%25": {Service: "a b,c;%"},
		"service.name=%C3%BC%00":       {Service: "ü\x00"},
	} {
		if got := b.Encode(); got != want {
			t.Errorf("%+v prints %q", b, got)
		}
		if got, err := ParseBaggage(want); err != nil || got != b {
			t.Errorf("%q: got %+v, %v", want, got, err)
		}
	}
	if got := (Baggage{WorkloadType: "evil,x", Workload: "w"}).Encode(); got != "k8s.pod.name=w" {
		t.Errorf("got %q", got)
	}
}

// Conformance 25: the baggage of other proxies is read.
func TestParseBaggageOfOthers(t *testing.T) {
	for text, want := range map[string]Baggage{
		" service.name = s ; prop=1 , other=x,": {Service: "s"},
		"service.name=a=b":                      {Service: "a=b"},
		"unknown=1,k8s.pod.uid=2":               {},
	} {
		if got, err := ParseBaggage(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"service.name", "service.name=%zz", strings.Repeat("a=b,", 65), strings.Repeat("a", 8193)} {
		if got, err := ParseBaggage(text); err == nil {
			t.Errorf("%.20q: got %+v", text, got)
		}
	}
}

func FuzzParseBaggage(f *testing.F) {
	f.Add(fullText)
	f.Add("service.name=%C3%BC;p=1, k8s.job.name=x")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBaggage(s)
		if err != nil {
			return
		}
		text := b.Encode()
		if len(text) > maxHeader {
			return // escaping may make it longer than we read
		}
		if again, err := ParseBaggage(text); err != nil || again != b {
			t.Errorf("%q prints %q, which is %+v, %v", s, text, again, err)
		}
		if strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("%q prints %q", s, text)
		}
	})
}
