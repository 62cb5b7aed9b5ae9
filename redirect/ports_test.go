package redirect

import "testing"

func TestPortsContain(t *testing.T) {
	custom := Ports{Outbound: 1001, Plaintext: 1006, HBONE: 1008}
	for _, test := range []struct {
		ports Ports
		port  uint16
		want  bool
	}{
		{NodePorts, 15001, true},
		{NodePorts, 15006, true},
		{NodePorts, 15008, true},
		{NodePorts, 16001, true}, // the other placement may be listening: a move
		{NodePorts, 16008, true},
		{NodePorts, 8080, false},
		{NodePorts, 0, false},
		{SidecarPorts, 16001, true},
		{SidecarPorts, 16006, true},
		{SidecarPorts, 16008, true},
		{SidecarPorts, 15008, true},
		{SidecarPorts, 15001, true},
		{SidecarPorts, 443, false},
		{custom, 1001, true},
		{custom, 1008, true},
		{custom, 15008, true},
		{custom, 1002, false},
		{Ports{}, 0, false},
		{Ports{}, 15008, true},
	} {
		if got := test.ports.Contains(test.port); got != test.want {
			t.Errorf("%+v contains %d: %v, want %v", test.ports, test.port, got, test.want)
		}
	}
}
