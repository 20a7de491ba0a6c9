package fleet_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// judge: what the catalogue calls good is there, byte by byte, and the next save works.
func (s *saving) judge(ctx context.Context) error {
	if s.object.Status.Phase == v1alpha1.PhaseFinished && len(s.object.Status.Snapshots) == 0 {
		return errors.New("it finished, and made nothing")
	}
	if _, err := s.Run(ctx, "snapshot", "create", name); err != nil {
		return fmt.Errorf("the next save: %w", err)
	}
	return s.catalogue(ctx)
}

func (a *arena) catalogue(ctx context.Context) error {
	all, err := a.Snapshots(ctx, name)
	if err != nil {
		return err
	}
	var errs []error
	for _, snapshot := range all {
		for _, c := range snapshot.Status.Copies {
			switch c.State {
			case v1alpha1.StateMissing, v1alpha1.StateFailed:
			case v1alpha1.StateDamaged, v1alpha1.StateUnverified, v1alpha1.StateSuspect:
				errs = append(errs, fmt.Errorf("%s on %s is %s: %s", snapshot.Name, c.Machine, c.State, c.Message))
			default:
				errs = append(errs, a.whole(c))
			}
		}
	}
	return errors.Join(errs...)
}

// whole checks that a copy holds what its hash says. Those that were read before are not read again.
func (a *arena) whole(c v1alpha1.SnapshotCopy) error {
	key := c.Machine + c.Location + c.SHA256
	if a.read[key] {
		return nil
	}
	data, err := a.node(c.Machine).ReadFile(c.Location)
	if err != nil {
		return fmt.Errorf("a copy that is called %s: %w", c.State, err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != c.SHA256 || int64(len(data)) != c.Size {
		return fmt.Errorf("a copy that is called %s is other bytes: %s on %s", c.State, c.Location, c.Machine)
	}
	a.read[key] = true
	return nil
}

// wanted is the content that each member must hold, by how a restore ended.
func (r *restoration) wanted() (string, error) {
	switch r.object.Status.Outcome {
	case v1alpha1.OutcomeRestored:
		return r.content, nil
	case v1alpha1.OutcomeRolledBack, v1alpha1.OutcomeNothingDone, "":
		return r.changed, nil
	}
	return "", fmt.Errorf("no end of a restore: %s", r)
}

// judge: all members hold the one content that the end says, and are one cluster.
func (r *restoration) judge(ctx context.Context) error {
	want, err := r.wanted()
	if err != nil {
		return err
	}
	errs := []error{r.catalogue(ctx)}
	for _, n := range r.Lab.Nodes {
		got, err := r.marked(ctx, n)
		if err == nil && got != want {
			err = fmt.Errorf("%s holds %q, not %q, and the restore is %s", n.Name, got, want, r)
		}
		errs = append(errs, err)
		if r.object.Status.Outcome == v1alpha1.OutcomeRestored && r.object.Status.Plan.Snapshot != nil {
			errs = append(errs, r.ground.holds(ctx, n, r.snapshot.Spec))
		}
	}
	return errors.Join(errs...)
}

func (b *takenBack) judge(ctx context.Context) error {
	return errors.Join(b.err, b.restoration.judge(ctx))
}

// state of a member.
type state struct {
	identity string
	revision int64
	hash     uint32
	compact  int64
}

// one waits until the members are one cluster with one content, and says which. Where somebody writes all the time they are
// compared at a revision that all of them have.
func (a *arena) one(ctx context.Context) (string, error) {
	var first state
	err := lab.Until(ctx, "all members to hold the same", func(ctx context.Context) error {
		var revision int64
		for i, n := range a.Lab.Nodes {
			s, err := a.state(ctx, n, revision)
			if i == 0 {
				first, revision = s, s.revision
			}
			if s.revision = first.revision; err == nil && s != first {
				err = fmt.Errorf("%s holds %+v, %s %+v", n.Name, s, a.Lab.Nodes[0].Name, first)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return first.identity, err
}

// state of a member at a revision; 0 is the present one.
func (a *arena) state(ctx context.Context, n *lab.Node, revision int64) (s state, err error) {
	err = a.asked(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		held, err := cli.Get(ctx, markKey) // a linearizable read: the member has all that the others have
		if err != nil {
			return err
		}
		r, err := cli.HashKV(ctx, cli.Endpoints()[0], cmp.Or(revision, held.Header.Revision))
		if err == nil {
			s = state{strike.Identity(held.Header.ClusterId, held.Kvs), held.Header.Revision, r.Hash, r.CompactRevision}
		}
		return err
	})
	return s, err
}

// unfenced waits until no machine has a fence any more, behind which etcd would not start the next time, nor anything else that
// an operation must not leave.
func (a *arena) unfenced(ctx context.Context) error {
	var errs []error
	for _, n := range a.Lab.Nodes {
		errs = append(errs, lab.Until(ctx, "nothing to be left on "+n.Name, func(ctx context.Context) error {
			if _, err := n.ReadFile("/var/lib/holdfast/fence"); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("its fence is there: %w", cmp.Or(err, errors.New("and can be read")))
			}
			return a.ground.left(ctx, n)
		}))
	}
	return errors.Join(errs...)
}

// settle waits until everything is as it was in the beginning, and returns all that is wrong.
func (a *arena) settle(ctx context.Context, w *strike.Writers, o operation) error {
	if err := errors.Join(a.ready(ctx), a.unfenced(ctx)); err != nil {
		w.Stop()
		return err
	}
	w.Stop()
	cluster, err := a.one(ctx)
	if err != nil {
		return err
	}
	_, back := o.(*takenBack)
	if r, ok := o.(*restoration); ok {
		back = r.object.Status.Outcome == v1alpha1.OutcomeRolledBack
	}
	return errors.Join(w.Wrong(ctx, cluster, back), o.judge(ctx), a.watch.Wrong())
}
