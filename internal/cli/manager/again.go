package manager

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Again calls show now, and again after each change of an object that list could hold, until ctx ends or show fails. A
// manager that is away for a while is waited for, and told to away.
func (m *Manager) Again(ctx context.Context, list client.ObjectList, namespace string, show func() error, away func(error)) error {
	due := true
	for {
		// The version comes before what is shown, so that no change falls between.
		err := m.List(ctx, list, namespace, client.Limit(1))
		if err == nil && due {
			err = show()
		}
		if err == nil {
			due, err = m.changed(ctx, list, namespace)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && problem.KindOf(err) != problem.Unreachable:
			return err
		case err != nil:
			away(err)
			due = true
		}
		if !pause(ctx) {
			return context.Cause(ctx)
		}
	}
}

// changed waits for a change after the list's version; false when there was none for a while.
func (m *Manager) changed(ctx context.Context, list client.ObjectList, namespace string) (bool, error) {
	seconds := int64(watchFor.Seconds())
	events, err := m.client.Watch(ctx, list, client.InNamespace(namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion(), TimeoutSeconds: &seconds}})
	if err != nil {
		return false, m.explain("watch", m.wordOf(list)+"s", err)
	}
	defer events.Stop()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case _, open := <-events.ResultChan():
		return open, nil
	}
}
