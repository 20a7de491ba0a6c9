package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// moment is when a program is killed: some time after its start, or after it has printed a line.
type moment struct {
	line  string
	after time.Duration
}

// String is for the log of a test.
func (m moment) String() string {
	if m.line != "" {
		return fmt.Sprintf("%s after %q", m.after, m.line)
	}
	return fmt.Sprintf("%s after the start", m.after)
}

// lineJitter spreads the kills after a line: what the line announces takes about as long.
const lineJitter = 30 * time.Millisecond

// chooseMoment takes any moment of a run that takes so long, or a little longer, or, one time in three, one shortly after
// a line.
func chooseMoment(r *rand.Rand, full time.Duration, lines []string) moment {
	if len(lines) > 0 && r.IntN(3) == 0 {
		after := r.Float64() * r.Float64() * r.Float64() // mostly soon: what follows the last line is short
		return moment{line: lines[r.IntN(len(lines))], after: time.Duration(after * float64(lineJitter))}
	}
	return moment{after: time.Duration(r.Int64N(int64(full + full/8)))}
}

// killAt kills the program at the moment, and reports whether it had ended before.
func (r *running) killAt(m moment) (endedBefore bool) {
	if m.line != "" {
		r.says(m.line)
	}
	select {
	case <-time.After(m.after): // the moment is the test's input: nothing is waited for
	case <-r.ended:
	}
	return r.kill()
}

// measured is how long a run takes that nobody kills: the shortest of a few, since on a busy machine the others are
// mostly waiting. The run must succeed.
func measured(run func()) time.Duration {
	shortest := time.Hour
	for range 3 {
		started := time.Now()
		run()
		shortest = min(shortest, time.Since(started))
	}
	return shortest
}

// listed is one line of holdfast repo ls -o json.
type listed struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Trigger string `json:"trigger"`
	Reason  string `json:"reason"`
}

// shelf is a repository as a user sees it.
type shelf struct {
	u *user
	// flags name it.
	flags []string
}

func (s shelf) run(args ...string) outcome { return s.u.run(append(args, s.flags...)...) }

func (s shelf) args(args ...string) []string { return append(append([]string{}, args...), s.flags...) }

func (s shelf) list(t testing.TB) []listed {
	t.Helper()
	v := ask[struct {
		Snapshots []listed `json:"snapshots"`
	}](s.u, s.args("repo", "ls")...)
	return v.Snapshots
}

// checkWhole wants every snapshot that is listed to be whole. One without a manifest may be among them (the program was
// killed between payload and manifest), but not a damaged one, and each must stand a full read.
func (s shelf) checkWhole(t *testing.T) []listed {
	t.Helper()
	list := s.list(t)
	for _, l := range list {
		if l.State == "damaged" || l.State == "suspect" {
			t.Errorf("%s is listed as %s: %s", l.Name, l.State, l.Reason)
		}
	}
	if len(list) > 0 {
		if o := s.run("repo", "verify", "--all", "--level=content", "--record=false"); o.code != 0 {
			t.Errorf("a listed snapshot is not whole: %s", o)
		}
	}
	return list
}

// names of what is listed.
func names(list []listed) []string {
	var all []string
	for _, l := range list {
		all = append(all, l.Name)
	}
	return all
}

func joined(list []listed) string { return strings.Join(names(list), " ") }

// newFolder is a folder of a bucket that nobody else uses.
func newFolder() string { return fmt.Sprintf("f-%x", rand.Uint64()) }
