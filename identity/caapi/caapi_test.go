package caapi_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/caapi"
)

func TestRoundTrip(t *testing.T) {
	id, err := identity.Parse("spiffe://td/ns/a/sa/b")
	if err != nil {
		t.Fatal(err)
	}
	in := caapi.SignRequest{Identity: id, CSR: []byte{1, 2, 3}, TTLSeconds: 90}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"identity":"spiffe://td/ns/a/sa/b","csr":"AQID","ttlSeconds":90}` {
		t.Fatalf("%s, %v", text, err)
	}
	out, err := caapi.DecodeSignRequest(strings.NewReader(string(text)))
	if err != nil || !reflect.DeepEqual(in, out) || out.TTL() != 90*time.Second {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestDecodeSignResponse(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"chain":["AQ=="],"roots":["Ag=="]}`: true,
		`{}`:                                  true, // whether it makes an SVID is the issuer's to judge
		`{"chain":["AQ=="],"key":"Ag=="}`:     false,
		`{"chain":"AQ=="}`:                    false,
		`{"chain":["?"]}`:                     false,
		`{}{}`:                                false,
		``:                                    false,
	} {
		if _, err := caapi.DecodeSignResponse(strings.NewReader(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzSignResponse(f *testing.F) {
	f.Add([]byte(`{"chain":["AQ=="],"roots":["Ag=="]}`))
	f.Add([]byte(`{"chain":null,"roots":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		resp, err := caapi.DecodeSignResponse(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		again, err := json.Marshal(resp)
		if err != nil {
			t.Fatal(err)
		}
		second, err := caapi.DecodeSignResponse(strings.NewReader(string(again)))
		if err != nil || len(second.Chain) != len(resp.Chain) || len(second.Roots) != len(resp.Roots) {
			t.Fatalf("%s came back as %+v, %v", again, second, err)
		}
	})
}
