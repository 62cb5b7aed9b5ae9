package main

import (
	"go/ast"
	"regexp"
	"slices"
)

var testName = regexp.MustCompile(`^(Test|Fuzz)([^a-z]|$)`)

// testsOf says which tests a declaration is of: itself, or those that use it, at whatever remove.
func testsOf(files []*ast.File, d ast.Decl) []string {
	if d == nil {
		return nil
	}
	var tests []string
	seen := map[ast.Decl]bool{d: true}
	for next := []ast.Decl{d}; len(next) > 0; next = next[1:] {
		if f, ok := next[0].(*ast.FuncDecl); ok && f.Recv == nil && testName.MatchString(f.Name.Name) && f.Name.Name != "TestMain" {
			tests = append(tests, f.Name.Name)
			continue
		}
		for _, user := range users(files, namesOf(next[0])) {
			if !seen[user] {
				seen[user] = true
				next = append(next, user)
			}
		}
	}
	slices.Sort(tests)
	return tests
}

func namesOf(d ast.Decl) []string {
	if f, ok := d.(*ast.FuncDecl); ok {
		return []string{f.Name.Name}
	}
	var names []string
	for _, s := range d.(*ast.GenDecl).Specs {
		switch s := s.(type) {
		case *ast.ValueSpec:
			for _, n := range s.Names {
				names = append(names, n.Name)
			}
		case *ast.TypeSpec:
			names = append(names, s.Name.Name)
		}
	}
	return names
}

// users mention one of the names. A name that means something else there as well would count too: tests have few such.
func users(files []*ast.File, names []string) []ast.Decl {
	var all []ast.Decl
	for _, f := range files {
		for _, d := range f.Decls {
			found := false
			ast.Inspect(d, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && slices.Contains(names, id.Name) {
					found = true
				}
				return !found
			})
			if found {
				all = append(all, d)
			}
		}
	}
	return all
}
