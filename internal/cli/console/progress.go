package console

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// What a person reads for each phase.
var phaseText = map[snapshot.Phase]string{
	snapshot.PhaseStream:  "stream from etcd",
	snapshot.PhaseUpload:  "store",
	snapshot.PhaseRead:    "read",
	snapshot.PhaseCheck:   "check the content",
	snapshot.PhaseTrial:   "trial restore",
	snapshot.PhaseInstall: "write the data directory",
}

// Progress shows how far the engine is: bars with rate and time left on a terminal, a line at the start, every few
// seconds and at the end of each phase elsewhere, nothing with --quiet. Stop must be called before anything else is
// printed.
func (c *Console) Progress() (report snapshot.Progress, stop func()) {
	if c.Quiet {
		return nil, func() {}
	}
	if width, ok := c.Terminal(); ok {
		return c.bars(width)
	}
	l := &lines{w: c.Err, now: c.Now, phases: map[snapshot.Phase]*lineState{}}
	return l.report, func() {}
}

func (c *Console) bars(width int) (snapshot.Progress, func()) {
	p := mpb.New(mpb.WithOutput(c.Err), mpb.WithWidth(min(width, 40)), mpb.WithRefreshRate(150*time.Millisecond))
	var mu sync.Mutex
	bars := map[snapshot.Phase]*mpb.Bar{}
	report := func(phase snapshot.Phase, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		bar := bars[phase]
		if bar == nil {
			bar = newBar(p, phase, total)
			bars[phase] = bar
		}
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
		if total > 0 && done >= total {
			bar.SetTotal(total, true)
		}
	}
	return report, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, bar := range bars {
			bar.Abort(false) // does nothing to a finished one
		}
		p.Wait()
	}
}

func newBar(p *mpb.Progress, phase snapshot.Phase, total int64) *mpb.Bar {
	name := decor.Name(fmt.Sprintf("%-24s", phaseText[phase]))
	if total <= 1 { // a phase that counts no bytes
		return p.New(total, mpb.SpinnerStyle(), mpb.PrependDecorators(name),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	}
	return p.AddBar(total, mpb.PrependDecorators(name, decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(
			decor.AverageSpeed(decor.SizeB1024(0), " % .1f"),
			decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace), " done"),
		))
}

// A log file should tell that a long save is alive, and not much more.
const lineEvery = 10 * time.Second

type lines struct {
	w      io.Writer
	now    func() time.Time
	mu     sync.Mutex
	phases map[snapshot.Phase]*lineState
}

type lineState struct {
	started, printed time.Time
	ended            bool
}

func (l *lines) report(phase snapshot.Phase, done, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := l.phases[phase]
	if s == nil {
		s = &lineState{started: now, printed: now}
		l.phases[phase] = s
	}
	took := now.Sub(s.started).Round(100 * time.Millisecond)
	switch {
	case s.ended:
	case total > 0 && done >= total:
		s.ended = true
		if total == 1 {
			fmt.Fprintf(l.w, "%s: done in %s\n", phaseText[phase], took)
			return
		}
		fmt.Fprintf(l.w, "%s: %s in %s\n", phaseText[phase], Bytes(done), took)
	case now.Sub(s.printed) >= lineEvery:
		s.printed = now
		fmt.Fprintf(l.w, "%s: %s of %s after %s\n", phaseText[phase], Bytes(done), Bytes(total), took)
	}
}
