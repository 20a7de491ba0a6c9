package main

import (
	"os"
	"strings"
)

// section of the report. Each is measured for itself, and replaced without the others.
type section struct{ title, body string }

func (s section) text() string { return "## " + s.title + "\n\n" + strings.TrimSpace(s.body) + "\n" }

// write puts the section into a file of Markdown, in the place of its former self.
func (s section) write(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const begin = "\n## "
	parts := strings.Split(string(data), begin)
	found := false
	for i, part := range parts[1:] {
		if title, _, _ := strings.Cut(part, "\n"); title == s.title {
			parts[i+1], found = strings.TrimPrefix(s.text(), "## "), true
		}
	}
	if !found {
		parts = append(parts, strings.TrimPrefix(s.text(), "## "))
	}
	return os.WriteFile(path, []byte(strings.Join(parts, begin)), 0o644)
}
