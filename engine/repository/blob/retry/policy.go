package retry

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy says how long to go on. The zero value is ready to use.
type Policy struct {
	// Initial is the longest first wait; each further one may be twice as long. 0: 200 ms.
	Initial time.Duration
	// Max bounds a single wait. 0: 10 s.
	Max time.Duration
	// MaxElapsed bounds the time between the first failure and the start of the last attempt. 0: 2 min.
	MaxElapsed time.Duration
}

// Do calls fn until it succeeds, fails for good, or the policy's time is over, and returns its last error. When ctx
// ends during a wait the context's error is in the chain too.
func (p Policy) Do(ctx context.Context, fn func(context.Context) error) error {
	episode := p.begin()
	for {
		err := fn(ctx)
		if err == nil {
			return nil
		}
		if err := episode.wait(ctx, err); err != nil {
			return err
		}
	}
}

// episode is one row of failures.
type episode struct {
	policy Policy
	since  time.Time // zero before the first failure
	next   time.Duration
}

func (p Policy) begin() *episode {
	p.Initial = cmp.Or(p.Initial, 200*time.Millisecond)
	p.Max = cmp.Or(p.Max, 10*time.Second)
	p.MaxElapsed = cmp.Or(p.MaxElapsed, 2*time.Minute)
	return &episode{policy: p, next: p.Initial}
}

// over forgets the failures: something went well.
func (e *episode) over() { *e = *e.policy.begin() }

// wait returns nil when it is time for another attempt after err, otherwise the error to give up with.
func (e *episode) wait(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return fmt.Errorf("%w: %w", ctxErr, err)
	}
	if !Transient(err) {
		return err
	}
	now := time.Now()
	if e.since.IsZero() {
		e.since = now
	}
	// Half of the wait is random, so that those who failed together do not come back together.
	pause := e.next/2 + rand.N(e.next/2+1)
	if failing := now.Sub(e.since); failing+pause > e.policy.MaxElapsed {
		return fmt.Errorf("given up after %v: %w", failing.Round(time.Millisecond), err)
	}
	e.next = min(2*e.next, e.policy.Max)
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case <-time.After(pause):
		return nil
	}
}
