package console

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Exit codes after a signal: 128 and its number, as shells have it.
const (
	interrupted = 128 + int(syscall.SIGINT)
	noReader    = 128 + int(syscall.SIGPIPE)
)

// errNoReader is why a result could not be printed when nobody reads it any more.
var errNoReader = errors.New("nobody reads the output any more")

// OngoingError is the error of a command that was ended by a signal while it waited for something that does not end with it.
type OngoingError struct {
	// What goes on.
	What string
	// Next is the command that looks at it.
	Next string
	Err  error
}

func (o *OngoingError) Error() string { return o.What + " goes on without this command" }

func (o *OngoingError) Unwrap() error { return o.Err }

// Interrupted tells that the command was ended by a signal, and what that means, and returns the exit code.
func (c *Console) Interrupted(err error) int {
	if ongoing, ok := errors.AsType[*OngoingError](err); ok {
		fmt.Fprintf(c.Err, "holdfast: interrupted; %v\n  next: %s\n", ongoing, ongoing.Next)
		return interrupted
	}
	fmt.Fprintln(c.Err, "holdfast: interrupted; nothing half-made was left behind")
	return interrupted
}

// Fail tells the operator about an error and returns the exit code: what was being done and why it did not work, and
// on a line of its own, once and at the end, what to do next. Errors that were joined stand on a line each.
//
// A pipe whose reader went away, as head does when it has seen enough, is no news to anybody.
func (c *Console) Fail(err error) int {
	if errors.Is(err, errNoReader) {
		return noReader
	}
	said := map[string]bool{}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !said[line] {
			fmt.Fprintf(c.Err, "holdfast: %s\n", line)
		}
		said[line] = true
	}
	if next := problem.NextOf(err); next != "" {
		fmt.Fprintf(c.Err, "  next: %s\n", next)
	}
	return int(problem.KindOf(err))
}

// Notef prints a line for a person who watches, unless --quiet.
func (c *Console) Notef(format string, args ...any) {
	if !c.Quiet {
		fmt.Fprintf(c.Err, format+"\n", args...)
	}
}

// Usagef returns an error about the command line.
func Usagef(format string, args ...any) error {
	return &problem.Error{Kind: problem.Usage, Why: fmt.Sprintf(format, args...)}
}
