package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// page is a page of Markdown, taken apart as far as the tests need it.
type page struct {
	text     string
	headings []string // with their marks: "## Install"
	sections map[string]string
	code     []string
	links    []string
	rows     int // of tables
}

var (
	heading  = regexp.MustCompile(`^#{1,6} `)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	verbatim = regexp.MustCompile("`[^`]*`")
)

func read(t *testing.T, file string) *page {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{text: string(data), sections: map[string]string{}}
	title, fenced := "", false
	var block strings.Builder
	for line := range strings.Lines(p.text) {
		switch {
		case strings.HasPrefix(line, "```"):
			if fenced {
				p.code = append(p.code, block.String())
				block.Reset()
			}
			fenced = !fenced
		case fenced:
			block.WriteString(line)
		case heading.MatchString(line):
			line = strings.TrimSpace(line)
			p.headings = append(p.headings, line)
			title = strings.TrimLeft(line, "# ")
		default:
			p.sections[title] += line
			if strings.HasPrefix(line, "|") {
				p.rows++
			}
			for _, m := range link.FindAllStringSubmatch(verbatim.ReplaceAllString(line, ""), -1) {
				p.links = append(p.links, m[1])
			}
		}
	}
	if fenced {
		t.Errorf("%s: a code block does not end", file)
	}
	return p
}

// levels are the depths of the headings in their order.
func (p *page) levels() []int {
	var levels []int
	for _, h := range p.headings {
		levels = append(levels, strings.IndexByte(h, ' '))
	}
	return levels
}

// anchors are the headings as links name them.
func (p *page) anchors() []string {
	var names []string
	for _, h := range p.headings {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimLeft(h, "# ")))
	}
	return names
}
