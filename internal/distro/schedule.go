package distro

import "context"

// SelfScheduler is a driver of a distribution that can take recurring snapshots by itself.
type SelfScheduler interface {
	// Schedules says whether its configuration has its own schedule on.
	Schedules(ctx context.Context) (bool, error)
	// SetSchedule turns it on or off in the configuration: that is in force from the next start on. It takes back only what
	// it did itself, and refuses with the reason when something else decides.
	SetSchedule(ctx context.Context, on bool) error
	// Restart starts the distribution anew, and leaves alone what it runs for others. It returns when the job is queued.
	Restart(ctx context.Context) error
	// Invocation tells one run of the distribution from the next; empty when it does not run.
	Invocation(ctx context.Context) (string, error)
	// Ready is as in Kubernetes.
	Ready(ctx context.Context) error
}
