package controller

import (
	"context"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// liveness knows which machines renew their leases. A lease's time is the machine's own, whose clock may be wrong: what
// counts is when this process saw it change. Only the first look, after a start, has to believe the lease.
type liveness struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[types.NamespacedName]pulse
	// changed are machines that began or ceased to answer.
	changed chan event.TypedGenericEvent[*v1alpha1.Machine]
}

type pulse struct {
	renewed time.Time // what the lease says
	at      time.Time // when it was first seen to say so
	alive   bool
}

const (
	lifetime  = enroll.LeaseSeconds * time.Second
	lookAfter = 5 * time.Second
)

func newLiveness(now func() time.Time) *liveness {
	return &liveness{
		now: now, seen: map[types.NamespacedName]pulse{}, changed: make(chan event.TypedGenericEvent[*v1alpha1.Machine], 4096),
	}
}

// check tells whether a machine answers, and when it was heard of last: zero for never.
func (l *liveness) check(machine types.NamespacedName) (alive bool, seen time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.seen[machine]
	return l.fresh(p), p.at
}

func (l *liveness) fresh(p pulse) bool { return !p.at.IsZero() && l.now().Sub(p.at) <= lifetime }

// observe takes note of a lease as it is now.
func (l *liveness) observe(lease *coordinationv1.Lease) {
	if lease.Spec.RenewTime == nil || !ofMachine(lease) {
		return
	}
	key, renewed := client.ObjectKeyFromObject(lease), lease.Spec.RenewTime.Time
	l.mu.Lock()
	p, known := l.seen[key]
	woke := false
	if !known || !renewed.Equal(p.renewed) {
		p.renewed, p.at = renewed, l.now()
		if !known && renewed.Before(p.at) {
			p.at = renewed
		}
		woke = !p.alive && l.fresh(p)
		p.alive = l.fresh(p)
		l.seen[key] = p
	}
	l.mu.Unlock()
	if woke {
		l.tell(key)
	}
}

func (l *liveness) forget(lease *coordinationv1.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, client.ObjectKeyFromObject(lease))
}

// expire finds the machines that have fallen silent.
func (l *liveness) expire() {
	var gone []types.NamespacedName
	l.mu.Lock()
	for key, p := range l.seen {
		if p.alive && !l.fresh(p) {
			p.alive = false
			l.seen[key] = p
			gone = append(gone, key)
		}
	}
	l.mu.Unlock()
	for _, key := range gone {
		l.tell(key)
	}
}

func (l *liveness) tell(key types.NamespacedName) {
	m := &v1alpha1.Machine{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	l.changed <- event.TypedGenericEvent[*v1alpha1.Machine]{Object: m}
}

func ofMachine(lease *coordinationv1.Lease) bool {
	owner := metav1.GetControllerOf(lease)
	return owner != nil && owner.Kind == "Machine" && owner.Name == lease.Name
}

// addLeases watches leases. Their renewals are most of what happens in a fleet at rest, so they go past the queues.
func (k *kit) addLeases(mgr manager.Manager) error {
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		informer, err := mgr.GetCache().GetInformer(ctx, &coordinationv1.Lease{})
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(k.leases.handler()); err != nil {
			return err
		}
		tick := time.NewTicker(lookAfter)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				k.leases.expire()
			case <-ctx.Done():
				return nil
			}
		}
	}))
}

func (l *liveness) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if lease, ok := object.(*coordinationv1.Lease); ok {
				l.observe(lease)
			}
		},
		UpdateFunc: func(_, object any) {
			if lease, ok := object.(*coordinationv1.Lease); ok {
				l.observe(lease)
			}
		},
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			if lease, ok := object.(*coordinationv1.Lease); ok {
				l.forget(lease)
			}
		},
	}
}
