package watch

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// display shows an operation while it goes on.
type display interface {
	show(obj client.Object)
	away(err error)
	// stop must be called before anything else is printed.
	stop()
}

func newDisplay(c *console.Console, obj client.Object) display {
	if c.Quiet {
		return silent{}
	}
	if width, ok := c.Terminal(); ok {
		return newLive(c, width, obj)
	}
	return &plain{w: c.Err}
}

type silent struct{}

func (silent) show(client.Object) {}
func (silent) away(error)         {}
func (silent) stop()              {}

// plain prints a line for each change.
type plain struct {
	w      io.Writer
	last   picture
	begun  bool
	absent bool
}

func (p *plain) show(obj client.Object) {
	now := pictureOf(obj)
	if !p.begun && now.phase == "" && now.message == "" {
		fmt.Fprintln(p.w, headline(now))
	}
	for _, line := range changes(p.last, now) {
		fmt.Fprintln(p.w, line)
	}
	p.last, p.begun, p.absent = now, true, false
}

func (p *plain) away(err error) {
	if !p.absent {
		fmt.Fprintf(p.w, "%v; trying again\n", err)
	}
	p.absent = true
}

func (p *plain) stop() {}

// live draws the whole operation anew, over what it drew before, at each change and each second.
type live struct {
	console *console.Console
	width   int
	title   string
	ended   chan struct{}
	stopped sync.WaitGroup

	mu      sync.Mutex
	picture picture
	trouble string
	drawn   int // lines
}

// A terminal of 24 lines holds the picture, the command and its result.
const mostRows = 18

func newLive(c *console.Console, width int, obj client.Object) *live {
	l := &live{console: c, width: width, title: Noun(obj) + " " + obj.GetName(), ended: make(chan struct{})}
	l.stopped.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.draw()
			case <-l.ended:
				return
			}
		}
	})
	return l
}

func (l *live) show(obj client.Object) {
	l.mu.Lock()
	l.picture, l.trouble = pictureOf(obj), ""
	l.mu.Unlock()
	l.draw()
}

func (l *live) away(err error) {
	l.mu.Lock()
	l.trouble = err.Error() + "; trying again"
	l.mu.Unlock()
	l.draw()
}

func (l *live) stop() {
	close(l.ended)
	l.stopped.Wait()
	l.draw()
}

func (l *live) draw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", l.drawn) // up, and clear to the end
	}
	lines := render(l.title, l.picture, l.trouble, l.console.Now())
	for _, line := range lines {
		b.WriteString(cut(line, l.width-1) + "\n")
	}
	l.drawn = len(lines)
	_, _ = b.WriteTo(l.console.Err)
}

// render draws a picture: the phase, then what runs or has failed; of the rest as much as there is room for.
func render(title string, p picture, trouble string, now time.Time) []string {
	lines := []string{title + "  " + headline(p)}
	var cells [][]string
	hidden := 0
	for _, r := range chosen(p.rows) {
		if r == nil {
			hidden++
			continue
		}
		cells = append(cells, []string{mark(r.state), r.machine, r.what, took(r.step, now), r.message})
	}
	if len(cells) > 0 {
		var b bytes.Buffer
		console.Columns(&b, []string{"", "MACHINE", "STEP", "TIME", ""}, cells)
		lines = append(lines, strings.Split(strings.TrimRight(b.String(), "\n"), "\n")...)
	}
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("   and %d more", hidden))
	}
	if trouble != "" {
		lines = append(lines, trouble)
	}
	return lines
}

// chosen leaves out, as nil, what is settled or still waits, when there is not room for all.
func chosen(rows []row) []*row {
	over := len(rows) - mostRows
	list := make([]*row, len(rows))
	for i := range rows {
		r := &rows[i]
		switch v1alpha1.StepOutcome(r.state) {
		case v1alpha1.StepRunning, v1alpha1.StepFailed, "Warning":
		default:
			if over > 0 {
				over--
				continue
			}
		}
		list[i] = r
	}
	return list
}

func mark(state string) string {
	switch state {
	case string(v1alpha1.StepDone), "Passed":
		return "✓"
	case string(v1alpha1.StepFailed):
		return "✗"
	case string(v1alpha1.StepRunning):
		return "→"
	case string(v1alpha1.StepUndone):
		return "↶"
	case "Warning":
		return "!"
	}
	return "·"
}

func took(s *v1alpha1.StepStatus, now time.Time) string {
	if s == nil || s.Started == nil {
		return ""
	}
	end := now
	if s.Ended != nil {
		end = s.Ended.Time
	}
	return max(end.Sub(s.Started.Time), 0).Truncate(time.Second).String()
}

// cut shortens a line to the terminal's width: a wrapped one would be drawn over wrongly.
func cut(line string, width int) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, line)
	if utf8.RuneCountInString(line) <= width || width < 2 {
		return line
	}
	return string([]rune(line)[:width-1]) + "…"
}
