package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mark is one line above a test.
type mark struct {
	number int
	words  string
	test   test
	file   string // from the module's root, as the test's package is
}

// test is a function of a package.
type test struct{ dir, name string }

var (
	markLine = regexp.MustCompile(`^// Conformance ([0-9]+): (\S.*)$`)
	almost   = regexp.MustCompile(`(?i)^//\s*conformance\s*:?\s*[0-9]`)
)

// marks finds every mark in the test files below root.
func marks(root fs.FS) ([]mark, error) {
	var all []mark
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if base := d.Name(); name != "." && (base[0] == '.' || base == "testdata" || base == "out" || base == "bin") {
			return fs.SkipDir
		}
		found, err := marksIn(root, name)
		all = append(all, found...)
		return err
	})
	slices.SortStableFunc(all, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.test.dir, b.test.dir),
			cmp.Compare(a.test.name, b.test.name), cmp.Compare(a.words, b.words))
	})
	return slices.Compact(all), err
}

func marksIn(root fs.FS, dir string) ([]mark, error) {
	names, err := fs.Glob(root, path.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	var all []mark
	for i, f := range files {
		for _, c := range commentsOf(f) {
			if !almost.MatchString(c.Text) {
				continue
			}
			parts := markLine.FindStringSubmatch(c.Text)
			if parts == nil {
				return nil, fmt.Errorf("%s: want \"// Conformance 62: deny before allow.\"", set.Position(c.Pos()))
			}
			tests := testsOf(files, declarationAt(f, c.Pos()))
			if len(tests) == 0 {
				return nil, fmt.Errorf("%s: no test is below it, or uses what is", set.Position(c.Pos()))
			}
			number, err := strconv.Atoi(parts[1])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", set.Position(c.Pos()), err)
			}
			for _, name := range tests {
				all = append(all, mark{number, strings.TrimRight(parts[2], ". "), test{dir, name}, names[i]})
			}
		}
	}
	return all, nil
}

func commentsOf(f *ast.File) []*ast.Comment {
	var all []*ast.Comment
	for _, g := range f.Comments {
		all = append(all, g.List...)
	}
	return all
}

// declarationAt is what p is inside of, or in the comment of.
func declarationAt(f *ast.File, p token.Pos) ast.Decl {
	for _, d := range f.Decls {
		from := d.Pos()
		if c := commentOf(d); c != nil {
			from = c.Pos()
		}
		if from <= p && p < d.End() {
			return d
		}
	}
	return nil
}

func commentOf(d ast.Decl) *ast.CommentGroup {
	if f, ok := d.(*ast.FuncDecl); ok {
		return f.Doc
	}
	return d.(*ast.GenDecl).Doc
}
