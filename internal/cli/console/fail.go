package console

import (
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// interrupted is the exit code after SIGINT or SIGTERM: 128 + 2, as shells have it.
const interrupted = 130

// Interrupted tells that the command was ended by a signal, and returns the exit code.
func (c *Console) Interrupted() int {
	fmt.Fprintln(c.Err, "holdfast: interrupted; nothing half-made was left behind")
	return interrupted
}

// Fail tells the operator about an error and returns the exit code: what was being done and why it did not work, and
// on a line of its own what to do next.
func (c *Console) Fail(err error) int {
	err = bare(err)
	var p *problem.Error
	text := err.Error()
	if errors.As(err, &p) && p == err {
		text = p.Headline()
	}
	fmt.Fprintf(c.Err, "holdfast: %s\n", text)
	if next := problem.NextOf(err); next != "" && p == err {
		fmt.Fprintf(c.Err, "  next: %s\n", next)
	}
	return int(problem.KindOf(err))
}

// bare takes an error out of a Join that holds nothing else, so that it can be split into its parts.
func bare(err error) error {
	for {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) != 1 {
			return err
		}
		err = joined.Unwrap()[0]
	}
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
