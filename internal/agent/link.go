package agent

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// link is the agent's side of the manager's API: it follows the machine's own objects and writes their status. All of it
// may fail for as long as it likes; nothing on the machine waits for it.
type link struct {
	*Agent
	api client.WithWatch
	key types.NamespacedName
	// answered rings when a plan has new results, or the manager has lost those that it was told: then forgotten is set.
	answered  *bell
	forgotten atomic.Bool
	// generation of the Machine that the plan named when it was read last.
	generation string
}

func newLink(a *Agent) (*link, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	api, err := client.NewWithWatch(a.identity.RESTConfig(), client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("reach the manager: %w", err)
	}
	m := a.identity.Membership()
	return &link{Agent: a, api: api, key: types.NamespacedName{Namespace: m.Namespace, Name: m.Machine}, answered: newBell()}, nil
}

// mapper knows the few resources that an agent uses: it need not discover them at each start.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"Machine", "MachinePlan"} {
		m.Add(v1alpha1.GroupVersion().WithKind(kind), meta.RESTScopeNamespace)
	}
	gv := v1alpha1.GroupVersion()
	m.AddSpecific(gv.WithKind("MachineInventory"), gv.WithResource("machineinventories"), gv.WithResource("machineinventory"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	m.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	return m
}

// requestTime bounds each request that is no watch.
const requestTime = 30 * time.Second

func (l *link) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.follow(ctx) })
	group.Go(func() error { return l.beat(ctx) })
	group.Go(func() error { return l.answer(ctx) })
	group.Go(func() error { return l.tell(ctx) })
	group.Go(func() error { return l.renew(ctx) })
	return group.Wait()
}

// heard takes over a state of the machine's plan, and reads the Machine when the plan says that there is a new one.
func (l *link) heard(ctx context.Context, plan *v1alpha1.MachinePlan, first bool) error {
	l.planned(plan, first)
	generation := plan.Annotations[enroll.AnnotationGeneration]
	if !first && generation == l.generation {
		// What was not obeyed while a plan went on is obeyed after it.
		if o, _ := l.standing.get(); o.Known {
			return l.obeyEpoch(ctx, o)
		}
		return nil
	}
	if err := l.instructed(ctx); err != nil {
		return err
	}
	l.generation = generation
	return nil
}

// planned hands a plan to the runner. A manager that was restored from a backup has lost answers that it acknowledged, and
// goes by plans that are over: it must hear again how far this machine is.
func (l *link) planned(plan *v1alpha1.MachinePlan, first bool) {
	if first && !equality.Semantic.DeepEqual(plan.Status, l.plans.answered()) {
		l.forgotten.Store(true)
		l.answered.ring()
	}
	if plan.Spec.Serial > 0 { // something was asked for, once
		l.plans.take(plan.Spec)
	}
}

// instructed takes over what the manager says of this machine.
func (l *link) instructed(ctx context.Context) error {
	m, err := l.machine(ctx)
	if err != nil {
		return err
	}
	old, _ := l.standing.get()
	o := orders{Generation: m.Generation, Spec: m.Spec, Keys: old.Keys}
	if o.Keys, err = l.keys(ctx, m); err != nil {
		l.cfg.Log.Warn("the S3 credentials can't be read", "error", err)
		if sameTarget(old.Spec.Snapshots, m.Spec.Snapshots) { // keys of another place must not be shown to this one
			o.Keys = old.Keys
		}
	}
	if old.Known && old.Generation == o.Generation && old.Keys.Equal(o.Keys) {
		return l.obeyEpoch(ctx, o)
	}
	if err := l.adopt(o, old.Known); err != nil {
		return err
	}
	l.cfg.Log.Info("the manager's settings are in force", "generation", o.Generation)
	if err := l.standing.set(o); err != nil {
		return err
	}
	l.stirred.ring()
	return l.obeyEpoch(ctx, o)
}

func (l *link) machine(ctx context.Context) (*v1alpha1.Machine, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	m := new(v1alpha1.Machine)
	if err := l.api.Get(ctx, l.key, m); err != nil {
		return nil, fmt.Errorf("read this machine's settings: %w", err)
	}
	return m, nil
}

// sameTarget says whether two settings name the same S3 folder, reached in the same way.
func sameTarget(a, b *v1alpha1.MachineSnapshots) bool {
	return a != nil && b != nil && equality.Semantic.DeepEqual(a.S3, b.S3)
}

// keys reads the credentials for the cluster's S3 folder. The right to read them comes just before the news of them, and an
// API server may hear of it a little later.
func (l *link) keys(ctx context.Context, m *v1alpha1.Machine) (k place.Keys, err error) {
	s := m.Spec.Snapshots
	if s == nil || s.S3 == nil || s.S3.CredentialSecretName == "" {
		return k, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	for attempt := 1; ; attempt++ {
		var secret corev1.Secret
		err := l.api.Get(ctx, types.NamespacedName{Namespace: m.Namespace, Name: s.S3.CredentialSecretName}, &secret)
		if err == nil {
			return keys(string(secret.Data["accessKey"]), string(secret.Data["secretKey"]), string(secret.Data["sessionToken"])), nil
		}
		if !apierrors.IsForbidden(err) || attempt == keyAttempts || !sleep(ctx, time.Second) {
			return k, err
		}
	}
}

// keyAttempts to read a Secret that may not be read yet.
const keyAttempts = 5

// renewPoll is how often the certificate's end is looked at.
const renewPoll = time.Hour

// renew keeps the certificate good.
func (l *link) renew(ctx context.Context) error {
	var again pause
	for {
		wait := renewPoll
		if l.identity.RenewalDue() {
			limited, cancel := context.WithTimeout(ctx, requestTime)
			err := l.identity.Renew(limited)
			cancel()
			if err != nil {
				l.cfg.Log.Warn("the certificate could not be renewed", "error", err)
				wait = max(again.after(), time.Minute)
			} else {
				again.reset()
			}
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}
