package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Restart is how a fleet took it that its server ended in the middle of a save of all clusters.
type Restart struct {
	Signal string
	// Begun is how many of all steps were carried out when the signal was sent.
	Begun, Steps int
	// Away is how long no server answered.
	Away time.Duration
	// CPU that the new server used until all saves had finished, in seconds.
	CPU float64
	// Faults found: what was lost, or handed out twice.
	Faults []string
}

// restart ends the server while a save of all clusters is under way, starts it again, and looks for what went wrong.
func (f *Fleet) restart(ctx context.Context, signal syscall.Signal, name string) (Restart, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := Restart{Signal: signal.String(), Steps: perCluster * len(f.clusters)}
	before, err := f.objects(ctx)
	if err != nil {
		return r, err
	}
	done := f.steps()
	group, saving := errgroup.WithContext(ctx)
	group.Go(func() error { return f.saveAll(saving, name) })
	err = await(ctx, "a third of the steps are done", 20*time.Millisecond, func() (bool, error) { return f.steps()-done >= r.Steps/3, nil })
	if err != nil {
		return r, errors.Join(err, group.Wait())
	}
	if r.Begun, r.Away, err = f.endAndStart(ctx, signal, done); err != nil {
		return r, errors.Join(err, group.Wait())
	}
	if err := errors.Join(group.Wait(), f.awaitSaves(ctx, name)); err != nil {
		return r, err
	}
	u, err := UsageOf(f.PID())
	if err != nil {
		return r, err
	}
	r.CPU = u.CPU
	if r.Faults, err = f.audit(ctx, before, done+r.Steps); err != nil {
		return r, err
	}
	fmt.Fprintf(os.Stderr, "  %s: %d of %d steps done by then, away for %s, %.1f CPU-seconds until all had ended, faults: %s\n",
		r.Signal, r.Begun, r.Steps, r.Away.Round(time.Millisecond), r.CPU, strings.Join(r.Faults, "; "))
	return r, nil
}

func (f *Fleet) endAndStart(ctx context.Context, signal syscall.Signal, done int) (begun int, away time.Duration, err error) {
	began := time.Now()
	if err := f.Signal(signal); err != nil {
		return 0, 0, err
	}
	begun = f.steps() - done
	select {
	case <-f.Done():
	case <-ctx.Done():
		return begun, 0, context.Cause(ctx)
	}
	err = f.Manager.start(ctx)
	return begun, time.Since(began), err
}

// kinds of objects, among those that an administrator may list, that must be there after a restart as they were before.
var kinds = []schema.GroupVersionKind{
	v1alpha1.GroupVersion().WithKind("Cluster"), v1alpha1.GroupVersion().WithKind("Machine"), v1alpha1.GroupVersion().WithKind("MachinePlan"),
	v1alpha1.GroupVersion().WithKind("MachineInventory"), v1alpha1.GroupVersion().WithKind("EtcdSnapshot"), v1alpha1.GroupVersion().WithKind("EtcdSnapshotSave"),
	{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}, {Version: "v1", Kind: "Secret"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
}

// objects that are stored, by uid.
func (f *Fleet) objects(ctx context.Context) (map[types.UID]string, error) {
	all := map[types.UID]string{}
	for _, kind := range kinds {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(kind)
		if err := f.List(ctx, &list); err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		for _, o := range list.Items {
			if o.Namespace == metav1.NamespaceSystem {
				continue // a server's own, which it removes when it ends
			}
			all[o.UID] = kind.Kind + " " + o.Namespace + "/" + o.Name
		}
	}
	return all, nil
}

// audit compares what is stored with what was, and with what each agent's journal says.
func (f *Fleet) audit(ctx context.Context, before map[types.UID]string, steps int) ([]string, error) {
	var faults []string
	after, err := f.objects(ctx)
	if err != nil {
		return nil, err
	}
	for uid, name := range before {
		if after[uid] == "" {
			faults = append(faults, name+" is lost")
		}
	}
	var plans v1alpha1.MachinePlanList
	if err := f.List(ctx, &plans); err != nil {
		return nil, err
	}
	byKey := map[types.NamespacedName]*v1alpha1.MachinePlan{}
	for i := range plans.Items {
		byKey[client.ObjectKeyFromObject(&plans.Items[i])] = &plans.Items[i]
	}
	for _, a := range f.agents {
		for _, fault := range a.Faults(byKey[types.NamespacedName{Namespace: a.Namespace, Name: a.Name}]) {
			faults = append(faults, a.Namespace+"/"+a.Name+": "+fault)
		}
	}
	if n := f.steps(); n != steps {
		faults = append(faults, fmt.Sprintf("%d steps were carried out, not %d", n, steps))
	}
	return faults, nil
}
