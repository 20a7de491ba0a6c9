package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// object is a pointer to an API type.
type object[T any] interface {
	*T
	client.Object
}

// A watch ends by itself after five to ten minutes: taking an agent's rights away does not close one that is open.
const (
	watchLeast  = 300
	watchSpread = 300
)

// handler takes a state of the machine's own object. first: it is what was found, and not a change since; the manager may
// have been restored from a backup meanwhile.
type handler[P client.Object] func(ctx context.Context, object P, first bool) error

// follow hands each state of the machine's own object to handle, until ctx ends. It never lists: an agent may not.
func follow[T any, P object[T]](ctx context.Context, l *link, list client.ObjectList, handle handler[P]) error {
	var again pause
	for {
		err := once(ctx, l, list, handle, &again)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			l.metrics.managerDown()
			wait := again.after()
			l.cfg.Log.Warn("the manager can't be followed, trying again", "object", fmt.Sprintf("%T", *new(T)), "in", wait, "error", err)
			if !sleep(ctx, wait) {
				return nil
			}
		}
	}
}

// once watches the object until the watch ends. It asks for no resource version: then the first event is the object as it is.
// To read it and go on from there fails for as long as it does not change, when the manager has restarted and its memory
// of changes begins later.
func once[T any, P object[T]](ctx context.Context, l *link, list client.ObjectList, handle handler[P], again *pause) error {
	seconds := watchLeast + rand.Int64N(watchSpread)
	w, err := l.api.Watch(ctx, list, &client.ListOptions{
		Namespace: l.key.Namespace, FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, l.key.Name),
		Raw: &metav1.ListOptions{TimeoutSeconds: &seconds},
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-w.ResultChan():
			if !open {
				return nil // its time was over, or the connection is: the next look tells
			}
			if err := l.event(event, func(o client.Object) error {
				found, ok := o.(P)
				if !ok {
					return fmt.Errorf("the manager sends a %T", o)
				}
				again.reset()
				l.metrics.managerUp()
				return handle(ctx, found, first)
			}); err != nil {
				return err
			}
		}
	}
}

var errDeleted = errors.New("the manager has deleted it")

func (*link) event(event watch.Event, handle func(client.Object) error) error {
	switch event.Type {
	case watch.Added, watch.Modified:
		o, ok := event.Object.(client.Object)
		if !ok {
			return fmt.Errorf("the manager sends a %T", event.Object)
		}
		return handle(o)
	case watch.Deleted:
		return errDeleted
	case watch.Error:
		return apierrors.FromObject(event.Object)
	}
	return nil
}
