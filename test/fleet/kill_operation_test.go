package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// operation is one that is struck, under way.
type operation interface {
	// moment is called at each, while the agent waits.
	moment(ctx context.Context, m strike.Moment)
	// end does what an administrator has to do, and is nil when the operation has ended.
	end(ctx context.Context) error
	// judge looks at what it has left. etcd is ready.
	judge(ctx context.Context) error
	// String tells how it stands.
	String() string
}

// sort of operation.
type sort struct {
	name  string
	begin func(*testing.T, *arena) operation
}

var sorts = []sort{
	{"save", beginSave},
	{"restore", func(t *testing.T, a *arena) operation { return beginRestore(t, a) }},
	{"restore taken back", func(t *testing.T, a *arena) operation { return &takenBack{restoration: beginRestore(t, a)} }},
	{"replacement of a lost member", beginReplacement},
}

const (
	saveKind    = "etcdsnapshotsaves.holdfast.dev"
	restoreKind = "etcdsnapshotrestores.holdfast.dev"
)

// saving is a save.
type saving struct {
	*arena
	object v1alpha1.EtcdSnapshotSave
}

func beginSave(t *testing.T, a *arena) operation {
	t.Helper()
	s := &saving{arena: a}
	s.object.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "EtcdSnapshotSave"}
	s.object.Namespace, s.object.GenerateName = a.namespace, "struck-"
	do(t, a.Create(t.Context(), &s.object))
	return s
}

func (s *saving) moment(context.Context, strike.Moment) {}

func (s *saving) end(ctx context.Context) error {
	pause(ctx)
	if err := s.Get(ctx, &s.object, saveKind, s.namespace, s.object.Name); err != nil {
		return err
	}
	return ended(&s.object.Status.OperationStatus)
}

func (s *saving) String() string { return standing(&s.object.Status.OperationStatus, "") }

// restoration is a restore that is approved as soon as it can be.
type restoration struct {
	*arena
	object   v1alpha1.EtcdSnapshotRestore
	snapshot v1alpha1.EtcdSnapshot
	content  string // under markKey when it succeeds
	refused  int    // times that the plan could not be approved
}

func beginRestore(t *testing.T, a *arena) *restoration {
	t.Helper()
	r := &restoration{arena: a, content: "saved"}
	all, err := a.Snapshots(t.Context(), name)
	do(t, err)
	source := v1alpha1.RestoreSource{Snapshot: takenOn(t, a.saved, a.leader)}
	i := slices.IndexFunc(all, func(s v1alpha1.EtcdSnapshot) bool { return s.Name == source.Snapshot })
	if i < 0 {
		t.Fatalf("there is no snapshot %s", source.Snapshot)
	}
	r.snapshot = all[i]
	do(t, r.create(t.Context(), source))
	return r
}

func (r *restoration) create(ctx context.Context, source v1alpha1.RestoreSource) error {
	r.refused, r.object = 0, v1alpha1.EtcdSnapshotRestore{}
	r.object.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "EtcdSnapshotRestore"}
	r.object.Namespace, r.object.GenerateName = r.namespace, "struck-"
	r.object.Spec.Source = source
	return r.Create(ctx, &r.object)
}

func (r *restoration) moment(context.Context, strike.Moment) {}

// maxRefusals of a plan: machines check once for each, so some are never right.
const maxRefusals = 30

func (r *restoration) end(ctx context.Context) error {
	pause(ctx)
	if err := r.Get(ctx, &r.object, restoreKind, r.namespace, r.object.Name); err != nil {
		return err
	}
	s := &r.object.Status
	planned := meta.FindStatusCondition(s.Conditions, v1alpha1.OperationPlanned)
	switch {
	case s.Phase.Ended() && s.Outcome == v1alpha1.OutcomeKeptNew && len(s.RemainingSteps) > 0 && r.object.Spec.RetryFrom != s.RemainingSteps[0]:
		return r.change(ctx, fmt.Sprintf(`{"spec":{"retryFrom":%q}}`, s.RemainingSteps[0]))
	case s.Phase.Ended() || r.object.Spec.ApprovedPlan != "" || planned == nil || planned.Status != metav1.ConditionTrue:
	case planned.Reason == v1alpha1.PlannedReady:
		return r.change(ctx, fmt.Sprintf(`{"spec":{"approvedPlan":%q}}`, s.Plan.Digest))
	default:
		if r.refused++; r.refused > maxRefusals && !r.object.Spec.Cancel {
			return r.change(ctx, `{"spec":{"cancel":true}}`)
		}
	}
	return ended(&s.OperationStatus)
}

func (r *restoration) change(ctx context.Context, change string) error {
	if err := r.Patch(ctx, restoreKind, r.namespace, r.object.Name, change); err != nil {
		return err
	}
	return fmt.Errorf("it was told %s", change)
}

func (r *restoration) String() string {
	return standing(&r.object.Status.OperationStatus, r.object.Status.Outcome)
}

// takenBack is a restore that is cancelled when etcd is about to start on the new data: nothing is committed then.
type takenBack struct {
	*restoration
	once sync.Once
	err  error
}

func (b *takenBack) moment(ctx context.Context, m strike.Moment) {
	if m.Operation != string(b.object.UID) || m.Kind != step.StartDistro || m.At != strike.Begun {
		return
	}
	b.once.Do(func() { // the other machines wait here, too
		b.err = lab.Until(ctx, "the cancellation", func(ctx context.Context) error {
			return b.Patch(ctx, restoreKind, b.namespace, b.object.Name, `{"spec":{"cancel":true}}`)
		})
	})
}

// pause between two looks: each is a program that takes from the machines what they need to get on.
func pause(ctx context.Context) {
	select {
	case <-time.After(500 * time.Millisecond):
	case <-ctx.Done():
	}
}

// replacement of a member that has lost its data. One that was taken back is tried again: the member is still lost.
type replacement struct {
	*restoration
	source v1alpha1.RestoreSource
	again  bool
}

func beginReplacement(t *testing.T, a *arena) operation {
	t.Helper()
	lost := a.others()[0]
	do(t, a.ground.lose(t.Context(), lost))
	r := &replacement{restoration: &restoration{arena: a, content: a.changed}, source: v1alpha1.RestoreSource{Replace: lost.Name}}
	do(t, r.create(t.Context(), r.source))
	return r
}

func (r *replacement) end(ctx context.Context) error {
	err := r.restoration.end(ctx)
	outcome := r.object.Status.Outcome
	if err != nil || r.again || outcome == v1alpha1.OutcomeRestored || outcome == v1alpha1.OutcomeKeptNew {
		return err
	}
	r.again = true
	return errors.Join(fmt.Errorf("it is tried again, because it is %s", r), r.create(ctx, r.source))
}

func ended(s *v1alpha1.OperationStatus) error {
	if s.Phase.Ended() {
		return nil
	}
	return fmt.Errorf("it is %s, %s: %s", s.Phase, s.Stage, s.Message)
}

func standing(s *v1alpha1.OperationStatus, outcome string) string {
	return fmt.Sprintf("%s %s: %s", s.Phase, outcome, s.Message)
}
