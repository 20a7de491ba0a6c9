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

// follow hands each state of the machine's own object to handle, until ctx ends. It never lists: an agent may not.
func follow[T any, P object[T]](ctx context.Context, l *link, list client.ObjectList, handle func(context.Context, P) error) error {
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

// once reads the object and watches it until the watch ends.
func once[T any, P object[T]](ctx context.Context, l *link, list client.ObjectList, handle func(context.Context, P) error, again *pause) error {
	obj := P(new(T))
	limited, cancel := context.WithTimeout(ctx, requestTime)
	err := l.api.Get(limited, l.key, obj)
	cancel()
	if err != nil {
		return err
	}
	again.reset()
	l.metrics.managerUp()
	if err := handle(ctx, obj); err != nil {
		return err
	}
	seconds := watchLeast + rand.Int64N(watchSpread)
	w, err := l.api.Watch(ctx, list, &client.ListOptions{
		Namespace: l.key.Namespace, FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, l.key.Name),
		Raw: &metav1.ListOptions{ResourceVersion: obj.GetResourceVersion(), TimeoutSeconds: &seconds},
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-w.ResultChan():
			if !open {
				return nil // its time was over, or the connection is: the next look tells
			}
			if err := l.event(ctx, event, func(o client.Object) error {
				found, ok := o.(P)
				if !ok {
					return fmt.Errorf("the manager sends a %T", o)
				}
				return handle(ctx, found)
			}); err != nil {
				return err
			}
		}
	}
}

var errDeleted = errors.New("the manager has deleted it")

func (l *link) event(_ context.Context, event watch.Event, handle func(client.Object) error) error {
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
