package lab

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long things may take. They take a second or two; the rest is for a machine that is busy with other tests.
const (
	bootTimeout    = 2 * time.Minute
	stopTimeout    = 2 * time.Minute
	execTimeout    = 2 * time.Minute
	commandTimeout = time.Minute // a command on the host, or the kernel's answer
	untilTimeout   = 2 * time.Minute
	pollInterval   = 50 * time.Millisecond
)

// Until waits until check succeeds. It gives up when ctx ends, or after two minutes when ctx has no deadline, and then
// says what was waited for and what the last check said. A check gets what is left of the time.
func Until(ctx context.Context, what string, check func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, untilTimeout)
		defer cancel()
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		// What the end of the time does to a check tells less than the check before it.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}

// errGone: a machine that was to do something is not running.
var errGone = errors.New("the machine does not run")
