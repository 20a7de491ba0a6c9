package runbook

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Hands type what a page says.
type Hands interface {
	// Type runs a script of bash to its end, as root on a machine, or where the operator sits when machine is "". It
	// returns all that was printed and the exit code, and an error if the script could not be run to its end.
	Type(ctx context.Context, machine, script string) (printed string, code int, err error)
}

// Follow does what some sections say, in the order in which they are named. It ends at the first command that ends
// otherwise, or after which something else is seen, than the page says.
func (p *Page) Follow(ctx context.Context, h Hands, titles ...string) error {
	for _, title := range titles {
		i := slices.IndexFunc(p.sections, func(s *section) bool { return s.title == title && len(s.blocks) > 0 })
		if i < 0 {
			return fmt.Errorf("%s: there is no section %q with commands", p.path, title)
		}
		p.sections[i].followed = true
		for _, b := range p.sections[i].blocks {
			if err := p.do(ctx, h, b); err != nil {
				return fmt.Errorf("%s:%d: %s: %w", p.path, b.line, title, err)
			}
		}
	}
	return nil
}

// Left are the sections with commands that nobody has followed.
func (p *Page) Left() []string {
	var titles []string
	for _, s := range p.sections {
		if len(s.blocks) > 0 && !s.followed {
			titles = append(titles, s.title)
		}
	}
	return titles
}

func (p *Page) do(ctx context.Context, h Hands, b *block) error {
	machines := []string{""}
	if b.where != "" {
		machines = strings.Split(p.values[b.where], ",")
	}
	for _, m := range machines {
		printed, code, err := h.Type(ctx, m, p.script(b))
		if err == nil && code != b.code {
			err = fmt.Errorf("exit code %d, and the page says %d", code, b.code)
		}
		if err == nil {
			err = p.see(b, printed)
		}
		if err != nil {
			return fmt.Errorf("%w; %s printed:\n%s", err, strings.TrimSpace(b.commands), printed)
		}
	}
	return nil
}

// script is a block's commands, with what the reader has set before.
func (p *Page) script(b *block) string {
	var s strings.Builder
	s.WriteString("set -euo pipefail\n")
	for _, name := range p.names {
		fmt.Fprintf(&s, "%s='%s'\n", name, strings.ReplaceAll(p.values[name], "'", `'\''`))
	}
	return s.String() + b.commands
}

// see compares what was printed with what the page shows, with the names of the cluster in it.
func (p *Page) see(b *block, printed string) error {
	printed = squeeze(printed)
	for _, line := range b.seen {
		if strings.TrimSpace(line) == "" || strings.TrimSpace(line) == "…" {
			continue
		}
		var parts []string
		for part := range strings.SplitSeq(line, "…") {
			parts = append(parts, regexp.QuoteMeta(squeeze(p.named(part))))
		}
		pattern := strings.Join(parts, `[^\n]*`)
		if !regexp.MustCompile(pattern).MatchString(printed) {
			return fmt.Errorf("the page shows %q", squeeze(p.named(line)))
		}
	}
	return nil
}

var word = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9.-]*`)

// named puts the cluster's names in the place of the page's.
func (p *Page) named(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		for _, name := range p.names {
			examples, values := strings.Split(p.examples[name], ","), strings.Split(p.values[name], ",")
			if i := slices.Index(examples, w); i >= 0 && i < len(values) {
				return values[i]
			}
		}
		return w
	})
}

var space = regexp.MustCompile(`[ \t]+`)

func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(space.ReplaceAllString(l, " "))
	}
	return strings.Join(lines, "\n")
}
