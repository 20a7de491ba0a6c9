package agent

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// bell wakes all who wait for it.
type bell struct {
	mu   sync.Mutex
	next chan struct{}
}

func newBell() *bell { return &bell{next: make(chan struct{})} }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.next = make(chan struct{})
}

// wait returns a channel that is closed at the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// pause grows from one failure to the next, with jitter, so that a thousand agents don't come back at the same moment.
type pause struct{ failures int }

const (
	firstPause = time.Second
	maxPause   = 2 * time.Minute
)

// after is how long to wait after another failure.
func (p *pause) after() time.Duration {
	d := min(firstPause<<min(p.failures, 10), maxPause)
	p.failures++
	return d/2 + rand.N(d/2+1)
}

func (p *pause) reset() { p.failures = 0 }

// sleep waits, and says whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
