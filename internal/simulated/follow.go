package simulated

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

var errDeleted = errors.New("the manager has deleted it")

// follow watches one of the machine's objects for one watch's life.
func (a *Agent) follow(ctx context.Context, list client.ObjectList, handle func(client.Object) error) error {
	seconds := int64((a.Watch + rand.N(a.Watch)) / time.Second)
	w, err := a.Client.Watch(ctx, list, client.InNamespace(a.Namespace), client.MatchingFields{metav1.ObjectNameField: a.Name},
		&client.ListOptions{Raw: &metav1.ListOptions{TimeoutSeconds: &seconds}})
	if err != nil {
		return err
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		switch e.Type {
		case watch.Deleted:
			return errDeleted
		case watch.Error:
			return apierrors.FromObject(e.Object)
		}
		if object, ok := e.Object.(client.Object); ok {
			if err := handle(object); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Agent) followMachine(ctx context.Context) error {
	return a.follow(ctx, new(v1alpha1.MachineList), func(object client.Object) error {
		a.mu.Lock()
		changed := a.generation != object.GetGeneration()
		a.generation = object.GetGeneration()
		a.mu.Unlock()
		if changed {
			a.stir()
		}
		return nil
	})
}

func (a *Agent) followPlan(ctx context.Context) error {
	return a.follow(ctx, new(v1alpha1.MachinePlanList), func(object client.Object) error {
		plan, ok := object.(*v1alpha1.MachinePlan)
		if !ok {
			return nil
		}
		return a.obey(ctx, plan)
	})
}

// obey carries a plan out and answers.
func (a *Agent) obey(ctx context.Context, plan *v1alpha1.MachinePlan) error {
	a.mu.Lock()
	news, err := a.journal.accept(plan)
	if err != nil || !news {
		a.mu.Unlock()
		return err
	}
	before := len(a.files)
	a.carryOut(plan.Spec)
	results, files := append([]v1alpha1.PlanResult(nil), a.done...), append([]v1alpha1.SnapshotFile(nil), a.files...)
	a.mu.Unlock()
	if len(files) != before {
		if err := a.inventory(ctx, files); err != nil {
			return err
		}
	}
	a.stir()
	if plan.Spec.Serial == 0 {
		return nil // nothing was ever asked for
	}
	status := v1alpha1.MachinePlanStatus{Serial: plan.Spec.Serial, Results: results}
	answer := new(v1alpha1.MachinePlan)
	if err := a.patch(ctx, answer, status); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.journal.acknowledged(answer)
}
