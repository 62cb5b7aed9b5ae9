package cell

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// MalformedError is a packet that is no message.
type MalformedError struct{ Err error }

func (e *MalformedError) Error() string { return "channel: malformed message: " + e.Err.Error() }
func (e *MalformedError) Unwrap() error { return e.Err }

var errNotOne = errors.New("exactly one field must be set")

// The envelope, {"kind": body}, is read and written here, and only the body by what
// encoding/json prepares for its type. Given a whole Message it would prepare for bodies of
// every kind, and keep that: 180 KiB, where an idle cell needs 125.

// kinds are the names of messages in packets, by index in Message.
var kinds = func() []string {
	t := reflect.TypeFor[Message]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}()

// Decode reads a packet strictly: unknown fields, trailing bytes, and anything
// but exactly one field set are errors.
func Decode(b []byte) (*Message, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := &Message{}
	if err := m.read(d); err != nil {
		return nil, &MalformedError{err}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &MalformedError{errors.New("trailing bytes")}
	}
	return m, nil
}

func (m *Message) read(d *json.Decoder) error {
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.Join(errNotOne, err)
	}
	kind, err := d.Token()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kinds, func(name string) bool { return kind == json.Token(name) })
	if i < 0 {
		return fmt.Errorf("no kind of message: %v", kind)
	}
	field := reflect.ValueOf(m).Elem().Field(i)
	if err := d.Decode(field.Addr().Interface()); err != nil {
		return err
	}
	if end, err := d.Token(); err != nil || end != json.Delim('}') || field.IsNil() {
		return errors.Join(errNotOne, err)
	}
	return nil
}

// Encode writes a message.
func Encode(m *Message) ([]byte, error) {
	i, one := m.kind()
	if !one {
		return nil, &MalformedError{errNotOne}
	}
	body, err := json.Marshal(reflect.ValueOf(m).Elem().Field(i).Interface())
	if err != nil {
		return nil, fmt.Errorf("channel: %w", err)
	}
	return slices.Concat([]byte(`{"`+kinds[i]+`":`), body, []byte(`}`)), nil
}

// kind is the index of the one field that is set.
func (m *Message) kind() (index int, one bool) {
	n, v := 0, reflect.ValueOf(m).Elem()
	for i := range kinds {
		if !v.Field(i).IsNil() {
			index = i
			n++
		}
	}
	return index, n == 1
}
