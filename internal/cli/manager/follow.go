package manager

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Follow calls seen with an object as it is now, and again after each change, until seen is done, the object is gone,
// or ctx ends. A manager that is away for a while is waited for, and told to away; what it refuses ends the matter.
//
// list is an empty list of the object's kind.
func (m *Manager) Follow(ctx context.Context, obj client.Object, list client.ObjectList, seen func() (done bool), away func(error)) error {
	for {
		err := m.followOnce(ctx, obj, list, seen)
		switch {
		case errors.Is(err, errSeen):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && problem.KindOf(err) != problem.Unreachable:
			return err
		case err != nil:
			away(err)
		}
		if !pause(ctx) {
			return context.Cause(ctx)
		}
	}
}

// errSeen ends a Follow well.
var errSeen = errors.New("seen")

// followOnce reads the object and follows it until the watch ends.
func (m *Manager) followOnce(ctx context.Context, obj client.Object, list client.ObjectList, seen func() bool) error {
	if err := m.Get(ctx, obj); err != nil {
		return err
	}
	if seen() {
		return errSeen
	}
	events, err := m.watchOne(ctx, obj, list)
	if err != nil {
		return m.explain("follow", m.wordOf(obj)+" "+nameOf(obj), err)
	}
	defer events.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case event, open := <-events.ResultChan():
			if !open || event.Type == watch.Error || event.Type == watch.Deleted {
				return nil // reading it again tells what is the matter
			}
			if !assign(obj, event.Object) {
				continue
			}
			if seen() {
				return errSeen
			}
		}
	}
}

// pause before the manager is asked again.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
