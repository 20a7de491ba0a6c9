package agent

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

const (
	// beatEvery is how often the lease is renewed. One that fails is tried again within a second, so that several may be
	// lost. Renewals are nearly all that a fleet at rest writes: more of them would be its cost.
	beatEvery = enroll.LeaseSeconds * time.Second / 2
	// beatTime bounds each attempt. It leaves time for others before the lease ends.
	beatTime = 10 * time.Second
)

// beat renews the machine's lease.
func (l *link) beat(ctx context.Context) error {
	var lease *coordinationv1.Lease
	var again pause
	for {
		wait := beatEvery
		renewed, err := l.renewLease(ctx, lease)
		if lease = renewed; err != nil && ctx.Err() == nil {
			wait = min(again.after(), beatEvery)
			l.cfg.Log.Debug("the lease could not be renewed", "error", err)
		} else {
			again.reset()
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// renewLease writes the lease as it was known last, which saves reading it each time. It returns nil when it has to be
// read anew.
func (l *link) renewLease(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	if lease == nil {
		lease = new(coordinationv1.Lease)
		if err := l.api.Get(ctx, l.key, lease); err != nil {
			return nil, err
		}
	}
	now := metav1.NewMicroTime(l.cfg.Now())
	lease.Spec.HolderIdentity, lease.Spec.RenewTime = &l.name, &now
	seconds := int32(enroll.LeaseSeconds)
	lease.Spec.LeaseDurationSeconds = &seconds
	err := l.api.Update(ctx, lease)
	if apierrors.IsConflict(err) {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return lease, nil
}
