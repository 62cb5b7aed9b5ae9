// Package h2 carries HBONE over HTTP/2.
package h2
