// Package experiment is an experiment as a file: what is broken, in what, and how that is measured. docs/experiments.md is
// its manual, docs/experiment.schema.json its JSON Schema.
//
//	e, err := experiment.Read("crash.yaml")     // a *FileError says file, line and what to do
//	e, err := experiment.Of("crash")            // the experiment of a name of the catalogue
//	text := e.YAML()                            // as a file, with a line about each key
//	text := experiment.Schema()
//
// Everything but the fault is optional, and what is left out has the value that `bulkhead drill run NAME` has for it. A file
// is read strictly: an unknown key, another type, a key that is given twice and a value out of bounds are errors.
//
// Reader, writer and schema are three uses of one table (table.go): what one of them knows the others know. The package
// knows the faults, and no lab: a record that holds an experiment is read without one. Nothing is kept between calls.
package experiment
