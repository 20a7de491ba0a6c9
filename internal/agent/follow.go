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

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// A watch ends by itself after five to ten minutes: taking an agent's rights away does not close one that is open.
const (
	watchLeast  = 300
	watchSpread = 300
)

// follow hears each state of the machine's own plan, until ctx ends. It never lists: an agent may not.
func (l *link) follow(ctx context.Context) error {
	var again pause
	for {
		err := l.once(ctx, &again)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			l.metrics.managerDown()
			wait := again.after()
			l.cfg.Log.Warn("the manager can't be followed, trying again", "in", wait, "error", err)
			if !sleep(ctx, wait) {
				return nil
			}
		}
	}
}

// once watches the plan until the watch ends. It asks for no resource version: then the first event is the plan as it is, and
// not a change since; the manager may have been restored from a backup meanwhile. To read it and go on from there fails for
// as long as it does not change, when the manager has restarted and its memory of changes begins later.
func (l *link) once(ctx context.Context, again *pause) error {
	seconds := watchLeast + rand.Int64N(watchSpread)
	w, err := l.api.Watch(ctx, &v1alpha1.MachinePlanList{}, &client.ListOptions{
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
			plan, err := planIn(event)
			if err != nil {
				return err
			}
			if plan == nil {
				continue
			}
			again.reset()
			l.metrics.managerUp()
			if err := l.heard(ctx, plan, first); err != nil {
				return err
			}
		}
	}
}

var errDeleted = errors.New("the manager has deleted it")

// planIn is what an event shows; nothing for one that shows nothing.
func planIn(event watch.Event) (*v1alpha1.MachinePlan, error) {
	switch event.Type {
	case watch.Added, watch.Modified:
		plan, ok := event.Object.(*v1alpha1.MachinePlan)
		if !ok {
			return nil, fmt.Errorf("the manager sends a %T", event.Object)
		}
		return plan, nil
	case watch.Deleted:
		return nil, errDeleted
	case watch.Error:
		return nil, apierrors.FromObject(event.Object)
	}
	return nil, nil
}
