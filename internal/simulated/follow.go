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
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

var errDeleted = errors.New("the manager has deleted it")

// follow watches the machine's plan for one watch's life, as a real agent does.
func (a *Agent) follow(ctx context.Context) error {
	seconds := int64((a.Watch + rand.N(a.Watch)) / time.Second)
	list := new(v1alpha1.MachinePlanList)
	w, err := a.Client.Watch(ctx, list, client.InNamespace(a.Namespace), client.MatchingFields{metav1.ObjectNameField: a.Name},
		&client.ListOptions{Raw: &metav1.ListOptions{TimeoutSeconds: &seconds}})
	if err != nil {
		return err
	}
	defer w.Stop()
	told := ""
	for e := range w.ResultChan() {
		switch e.Type {
		case watch.Deleted:
			return errDeleted
		case watch.Error:
			return apierrors.FromObject(e.Object)
		}
		plan, ok := e.Object.(*v1alpha1.MachinePlan)
		if !ok {
			continue
		}
		if err := a.obey(ctx, plan); err != nil {
			return err
		}
		if generation := plan.Annotations[enroll.AnnotationGeneration]; told == "" || generation != told {
			if err := a.instructed(ctx); err != nil {
				return err
			}
			told = generation
		}
	}
	return nil
}

// instructed reads the machine's settings.
func (a *Agent) instructed(ctx context.Context) error {
	machine := new(v1alpha1.Machine)
	if err := a.Client.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: a.Name}, machine); err != nil {
		return err
	}
	a.mu.Lock()
	changed := a.generation != machine.Generation
	a.generation = machine.Generation
	a.mu.Unlock()
	if changed {
		a.stir()
	}
	return nil
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
	a.carryOut(ctx, plan.Spec)
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
