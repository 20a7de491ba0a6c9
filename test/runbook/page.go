// Package runbook reads the pages of docs/runbooks as whoever follows them does, so that a test types what stands there
// and not what its author remembers of it. It knows Markdown, and a shell; it knows no cluster.
//
// The convention of such a page:
//
//   - The first block of shell holds assignments alone: the names that are other in every cluster. A test gives each of
//     them another value, and none that is not there.
//   - Every other block of shell (```sh) is typed as it stands, in a shell that has these names. It is typed where
//     holdfast speaks to the manager; on a machine, as root, if its first line is "# on $NAME". Several machines in one name
//     (node2,node3) are several shells, one after the other. Every command in it must end well, unless a line at its
//     beginning says "# exit code 3" or the like.
//   - A block of text (```text) below it is what one sees then. Each line stands in what was printed, however much space
//     is between its words; … is anything.
//   - Sections are steps in their order, or ways to go from one. All commands in one section are typed in turn.
//
// Start reading at [Read], and then at [Page.Follow].
package runbook

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Page is a page of Markdown.
type Page struct {
	path     string
	names    []string // that the head assigns, in its order
	examples map[string]string
	values   map[string]string
	sections []*section
}

// section is a heading, with the commands below it.
type section struct {
	title    string
	blocks   []*block
	followed bool
}

// block is some commands, and what is seen then.
type block struct {
	line     int
	where    string // the name of the machines; "": where holdfast is
	code     int
	commands string
	seen     []string
}

// Read reads a page, and gives its names values.
func Read(path string, values map[string]string) (*Page, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &Page{path: path, values: values}
	if err := p.parse(string(data)); err != nil {
		return nil, err
	}
	given := slices.Sorted(maps.Keys(values))
	if wanted := slices.Sorted(slices.Values(p.names)); !slices.Equal(given, wanted) {
		return nil, fmt.Errorf("%s has the names %v, and was given %v", path, wanted, given)
	}
	return p, nil
}

var heading = regexp.MustCompile(`^#{1,6} (.*)$`)

func (p *Page) parse(text string) error {
	now := &section{}
	p.sections = []*section{now}
	fence, begun := "", 0
	var lines []string
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```") && fence == "":
			fence, begun, lines = line, i+1, nil
		case line == "```":
			if err := p.block(now, fence, begun, lines); err != nil {
				return fmt.Errorf("%s:%d: %w", p.path, begun, err)
			}
			fence = ""
		case fence != "":
			lines = append(lines, line)
		default:
			if m := heading.FindStringSubmatch(line); m != nil {
				now = &section{title: m[1]}
				p.sections = append(p.sections, now)
			}
		}
	}
	if fence != "" {
		return fmt.Errorf("%s:%d: the block does not end", p.path, begun)
	}
	if p.names == nil {
		return fmt.Errorf("%s: no block of shell", p.path)
	}
	return nil
}

func (p *Page) block(s *section, fence string, line int, lines []string) error {
	switch {
	case fence == "```sh" && p.names == nil:
		return p.head(lines)
	case fence == "```sh":
		b, err := newBlock(line, lines)
		s.blocks = append(s.blocks, b)
		return err
	case fence == "```text":
		if len(s.blocks) == 0 {
			return fmt.Errorf("nothing was typed before this is seen")
		}
		last := s.blocks[len(s.blocks)-1]
		last.seen = append(last.seen, lines...)
	}
	return nil
}

var assignment = regexp.MustCompile(`^([A-Z_]+)=("?)([^"#]*)("?)( *#.*)?$`)

// head reads the names.
func (p *Page) head(lines []string) error {
	p.examples = map[string]string{}
	for _, line := range lines {
		m := assignment.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("%q is no assignment, and this is the head of the page", line)
		}
		p.names = append(p.names, m[1])
		p.examples[m[1]] = strings.TrimSpace(m[3])
	}
	return nil
}

var (
	place = regexp.MustCompile(`^# on \$([A-Z_]+)$`)
	code  = regexp.MustCompile(`\bexit code (\d+)\b`)
)

func newBlock(line int, lines []string) (*block, error) {
	b := &block{line: line, commands: strings.Join(lines, "\n") + "\n"}
	for i, l := range lines {
		if !strings.HasPrefix(l, "# ") {
			break
		}
		if m := place.FindStringSubmatch(l); m != nil && i == 0 {
			b.where = m[1]
		}
		if m := code.FindStringSubmatch(l); m != nil {
			var err error
			if b.code, err = strconv.Atoi(m[1]); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}
