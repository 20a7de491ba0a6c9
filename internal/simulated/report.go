package simulated

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// requestTime bounds each request that is no watch.
const requestTime = 30 * time.Second

// renew keeps the lease, which it reads once only, until that fails.
func (a *Agent) renew(ctx context.Context) error {
	lease := new(coordinationv1.Lease)
	if err := a.get(ctx, lease); err != nil {
		return err
	}
	for {
		now := metav1.NewMicroTime(time.Now())
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = &a.Name, &now
		if err := a.update(ctx, lease); err != nil {
			return err
		}
		if !sleep(ctx, a.Renew) {
			return nil
		}
	}
}

func (a *Agent) get(ctx context.Context, object client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return a.Client.Get(ctx, a.key(), object)
}

func (a *Agent) update(ctx context.Context, object client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return a.Client.Update(ctx, object)
}

// patch replaces the status of one of the machine's objects that nobody else writes.
func (a *Agent) patch(ctx context.Context, object client.Object, status any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	body, err := json.Marshal([]map[string]any{{"op": "add", "path": "/status", "value": status}})
	if err != nil {
		return err
	}
	object.SetNamespace(a.Namespace)
	object.SetName(a.Name)
	return a.Client.Status().Patch(ctx, object, client.RawPatch(types.JSONPatchType, body))
}

// inventory tells what lies on the machine.
func (a *Agent) inventory(ctx context.Context, files []v1alpha1.SnapshotFile) error {
	now := metav1.Now()
	return a.patch(ctx, new(v1alpha1.MachineInventory), v1alpha1.MachineInventoryStatus{Scanned: &now, Count: int32(len(files)), Files: files})
}

// stir has the machine's status told soon.
func (a *Agent) stir() {
	select {
	case a.stirred <- struct{}{}:
	default: // it is stirred
	}
}

// tell tells how the machine is: at once when something has happened, and its numbers now and then.
func (a *Agent) tell(ctx context.Context) error {
	a.mu.Lock()
	files := append([]v1alpha1.SnapshotFile(nil), a.files...)
	a.mu.Unlock()
	if err := a.inventory(ctx, files); err != nil {
		return err
	}
	for {
		if err := a.report(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.stirred:
		case <-time.After(a.Tell):
			a.mu.Lock()
			a.revision += int64(a.Tell / time.Millisecond)
			a.mu.Unlock()
		}
	}
}

// report writes the machine's status if it has changed. What the manager wrote meanwhile makes that a conflict.
func (a *Agent) report(ctx context.Context) error {
	m := new(v1alpha1.Machine)
	if err := a.get(ctx, m); err != nil {
		return err
	}
	before := m.DeepCopy()
	a.describe(m)
	if equality.Semantic.DeepEqual(before.Status, m.Status) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return a.Client.Status().Patch(ctx, m, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func (a *Agent) describe(m *v1alpha1.Machine) {
	a.mu.Lock()
	now, revision := a.disk, a.revision
	a.mu.Unlock()
	m.Status.AgentVersion, m.Status.Hostname, m.Status.ObservedGeneration = "simulated", a.Name, m.Generation
	m.Status.RestoreEpoch, m.Status.TimeZone = now.epoch, "Europe/Berlin"
	m.Status.Etcd = a.member(now.running)
	m.Status.Etcd.Revision, m.Status.Etcd.RaftIndex = revision, revision+200
	healthy := metav1.Condition{Type: v1alpha1.MachineEtcdHealthy, Status: metav1.ConditionTrue, Reason: "Healthy", Message: "it has a leader"}
	if !now.running {
		healthy.Status, healthy.Reason, healthy.Message = metav1.ConditionFalse, "Stopped", "etcd is stopped"
	}
	meta.SetStatusCondition(&m.Status.Conditions, healthy)
}

func (a *Agent) member(running bool) *v1alpha1.EtcdMember {
	m := &v1alpha1.EtcdMember{ClusterID: "cdf818194e3a8c32", Name: a.Name, Version: "3.6.5"}
	for i, name := range a.Members {
		id := fmt.Sprintf("%x", 0xa0+i)
		m.Members = append(m.Members, v1alpha1.PeerMember{ID: id, Name: name, PeerURLs: []string{"https://" + name + ":2380"}})
		if name != a.Name {
			continue
		}
		m.ID = id
		if running {
			m.Role = "follower"
			if i == 0 {
				m.Role = "leader"
			}
		}
	}
	return m
}
