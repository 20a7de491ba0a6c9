package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

const head = `<!-- Written by make soak. Do not edit: the next run writes it anew. -->

# Reliability

Written by ` + "`make soak`" + `. It is what was really run and counted, not what was planned: each test reports each round that it did.
How the tests work is told in [contributing.md](contributing.md#the-soak), what is promised in
[architecture.md](architecture.md#how-we-think-about-failure).

`

const foot = `## How to repeat it

` + "`make soak`" + ` goes on where the last run ended, and begins anew when the program, the tests, the servers or Go have changed. It
ends between two jobs after ` + "`HOLDFAST_SOAK_MINUTES`" + ` (90), and the next run goes on. ` + "`HOLDFAST_SOAK_SEED`" + ` chooses other
positions and moments. ` + "`scripts/soak.sh -list`" + ` shows all jobs, ` + "`scripts/soak.sh -only kill-trial`" + ` runs some,
` + "`scripts/soak.sh -again`" + ` repeats the failed ones; the report keeps the earlier failure.

The seed decides what is struck, and when in relation to how long the program takes. Not all of it repeats exactly: the
databases are filled anew, and no two runs of a program take equally long.

## What this does not show

- **Power cuts.** SIGKILL ends a program, and the kernel still writes what it was given. That files are synced before they are
  renamed is checked by reading the code, not by cutting the power.
- **Disks that lie**, and file systems other than those of the machine that this ran on and tmpfs.
- **Amazon S3 itself.** The S3 servers are those named above, over TLS on loopback.
- **Large databases.** Kills and faults strike databases of some 20 MB, damage one of some hundred KB, so that there are
  many rounds. [` + "`make bench`" + `](contributing.md) works with 256 MiB and 1 GiB, undisturbed.
- **Long times.** Nothing here ran for days.
- **Other architectures** than the one named above.
`

// render writes the report: the verdict first, then what an operator asks next.
func render(s standing, c code, seed uint64, servers []string) string {
	var b strings.Builder
	b.WriteString(head)
	verdict(&b, s)
	summary(&b, s)
	setting(&b, s, c, seed, servers)
	failures(&b, s)
	for _, d := range details {
		d.write(&b, s)
	}
	b.WriteString(foot)
	return b.String()
}

func verdict(b *strings.Builder, s standing) {
	left, failed := s.left(), s.failed()
	if len(failed) > 0 {
		fmt.Fprintf(b, "**%d of %d jobs failed**: see [Failures](#failures).\n", len(failed), len(s.records))
	} else if len(s.records) > 0 {
		b.WriteString("**Everything that was run held.**\n")
	}
	if len(left) > 0 {
		fmt.Fprintf(b, "**This report is partial**: %d of %d jobs are done. Not done: %s.\n", len(s.records), len(s.jobs), ids(left))
	}
	b.WriteString("\n")
}

func ids(jobs []job) string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.id)
	}
	return strings.Join(all, ", ")
}

// row is what one area came to.
type row struct {
	asked, done, failed, missed int
	kills                       bool
	more                        bool // some jobs do all cases that their tests have
	seconds                     float64
	jobs, left                  int
}

func (r row) askedFor() string {
	switch {
	case !r.more:
		return fmt.Sprint(r.asked)
	case r.asked == 0:
		return "all cases"
	}
	return fmt.Sprintf("%d, and all other cases", r.asked)
}

// areas in the order in which the plan names them.
func areas(s standing) (names []string, rows map[string]*row) {
	rows = map[string]*row{}
	for _, j := range s.jobs {
		r := rows[j.area]
		if r == nil {
			r = &row{}
			rows[j.area], names = r, append(names, j.area)
		}
		r.jobs++
		r.kills = r.kills || j.kills
		r.asked += j.expect
		r.more = r.more || j.expect == 0
		rec, done := s.records[j.id]
		if !done {
			r.left++
			continue
		}
		r.seconds += rec.Seconds
		for _, suite := range rec.Suites {
			r.done += suite.Held + suite.Failed
			r.failed += suite.Failed
			r.missed += suite.Missed
		}
	}
	return names, rows
}

func summary(b *strings.Builder, s standing) {
	b.WriteString("| what | rounds asked | done | of them, struck in time | failed | minutes |\n|---|---|---|---|---|---|\n")
	names, rows := areas(s)
	var kills int
	for _, name := range names {
		r := rows[name]
		struck := ""
		if r.kills || r.missed > 0 {
			struck = fmt.Sprint(r.done - r.missed)
		}
		if strings.HasPrefix(name, "SIGKILL") {
			kills += r.done - r.missed
		}
		note := ""
		if r.left > 0 {
			note = fmt.Sprintf(" (%d of %d jobs left)", r.left, r.jobs)
		}
		fmt.Fprintf(b, "| %s%s | %s | %d | %s | %d | %.1f |\n", name, note, r.askedFor(), r.done, struck, r.failed, r.seconds/60)
	}
	fmt.Fprintf(b, "\nPrograms killed with SIGKILL while they ran: **%d**. A kill that came when the program had already ended is a round done, and "+
		"not a kill.\n\n", kills)
}

func setting(b *strings.Builder, s standing, c code, seed uint64, servers []string) {
	var first, last time.Time
	commits := map[string]bool{}
	for _, r := range s.records {
		end := r.Started.Add(time.Duration(r.Seconds * float64(time.Second)))
		if first.IsZero() || r.Started.Before(first) {
			first = r.Started
		}
		if end.After(last) {
			last = end
		}
		commits[r.Commit] = true
	}
	b.WriteString("| | |\n|---|---|\n")
	if len(s.records) > 0 {
		fmt.Fprintf(b, "| run | %s to %s |\n", first.UTC().Format("2006-01-02 15:04"), last.UTC().Format("2006-01-02 15:04 UTC"))
		fmt.Fprintf(b, "| commit | %s |\n", strings.Join(slices.Sorted(maps.Keys(commits)), ", "))
	}
	fmt.Fprintf(b, "| code (program, tests, servers, Go) | %s |\n| seed | %d |\n", c.sum, seed)
	fmt.Fprintf(b, "| against | %s |\n", strings.Join(servers, ", "))
	fmt.Fprintf(b, "| on | %s %s/%s, %d cores |\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// failures shows each failed job, and those that failed before they passed.
func failures(b *strings.Builder, s standing) {
	b.WriteString("## Failures\n\n")
	found := false
	for _, j := range s.jobs {
		rec, done := s.records[j.id]
		if !done {
			continue
		}
		for _, r := range append(slices.Clone(rec.Before), rec) {
			if r.passed() {
				continue
			}
			found = true
			oneFailure(b, r, rec.passed())
		}
	}
	if !found {
		b.WriteString("None.\n\n")
	}
}

func oneFailure(b *strings.Builder, r record, passedLater bool) {
	fmt.Fprintf(b, "### %s, %s\n\n%s.", r.Job, r.Started.UTC().Format("2006-01-02 15:04 UTC"), r.Problem)
	if passedLater {
		b.WriteString(" A later try of the same job passed.")
	}
	fmt.Fprintf(b, " The whole job once more:\n\n```sh\n%s\n```\n\n", r.Command)
	for _, f := range r.Failures {
		fmt.Fprintf(b, "`%s`", f.Test)
		if f.Again != "" {
			fmt.Fprintf(b, ", once more:\n\n```sh\n(cd test && %s)\n```\n\nIt printed", f.Again)
		}
		fmt.Fprintf(b, ":\n\n```text\n%s\n```\n\n", strings.Trim(lastLines(f.Output, 25), "\n"))
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
