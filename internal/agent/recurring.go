package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
)

const (
	// longest that a timer is trusted: a machine that slept wakes with a clock far ahead of it.
	longestNap = time.Minute
	// saveTime bounds one recurring snapshot, copies and trial included.
	saveTime = 2 * time.Hour
)

// keepSchedule takes the snapshots that are due, whether or not there is a manager to ask.
func (a *Agent) keepSchedule(ctx context.Context) error {
	for ctx.Err() == nil {
		o, changed := a.standing.get()
		schedule, err := slots(o.Spec.Snapshots)
		if err != nil {
			a.cfg.Log.Error("no recurring snapshots are taken", "error", err)
		}
		nap := longestNap
		if schedule != nil && !a.mirrors(o) {
			if nap, err = a.tick(ctx, o, schedule); err != nil {
				a.cfg.Log.Error("what the schedule did can't be recorded", "error", err)
			}
		} else {
			a.schedule.expect(time.Time{})
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(nap):
		}
	}
	return nil
}

// tick deals with a slot that is due, and returns how long nothing will be.
func (a *Agent) tick(ctx context.Context, o orders, schedule cron.Schedule) (time.Duration, error) {
	since, err := a.schedule.since(a.cfg.Now())
	if err != nil {
		return longestNap, err
	}
	if slot, ok := due(schedule, since, a.cfg.Now()); ok {
		err := a.recur(ctx, slot)
		if ctx.Err() != nil {
			return 0, nil // it is dealt with after the restart
		}
		if err != nil {
			a.cfg.Log.Error("the recurring snapshot was not taken", "slot", slot, "error", a.standing.redact(err.Error()))
			a.metrics.failures.Inc()
		}
		err = a.schedule.done(slot, err)
		a.stirred.ring()
		if err != nil {
			return longestNap, err
		}
	}
	next := schedule.Next(a.cfg.Now())
	a.schedule.expect(next)
	return min(max(next.Sub(a.cfg.Now()), 0), longestNap), nil
}

// attemptsEach is how often a slot is tried.
const attemptsEach = 3

// recur takes the snapshot of a slot. What fails is tried again after a while: a leader election is over by then.
func (a *Agent) recur(ctx context.Context, slot time.Time) error {
	var err error
	for i := range attemptsEach {
		if i > 0 && !sleep(ctx, time.Duration(i)*time.Minute) {
			return context.Cause(ctx)
		}
		o, _ := a.standing.get()
		if o.Spec.Snapshots == nil {
			return nil // its schedule was taken away meanwhile
		}
		if err = a.take(ctx, o, slot); err == nil || ctx.Err() != nil {
			break
		}
		a.cfg.Log.Warn("the recurring snapshot did not succeed", "attempt", i+1, "error", a.standing.redact(err.Error()))
	}
	return err
}

var (
	errBusy = errors.New("an operation on this machine is not over")
	errWay  = errors.New("a restore comes first")
)

// givingWay ends the context when a restore wants this machine. What is cut leaves nothing, and is taken later.
func (a *Agent) givingWay(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	rung := a.urgent.wait()
	go func() {
		select {
		case <-rung:
			cancel(errWay)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// take waits for this machine's place in the slot, takes the snapshot, and prunes.
func (a *Agent) take(ctx context.Context, o orders, slot time.Time) error {
	d := a.driver(o)
	if d == nil {
		return fmt.Errorf("this agent does not drive the distribution %q", o.Spec.Distro)
	}
	set := step.SaveSettings{
		Base: snapshot.TriggerRecurring.Base(), Trigger: string(snapshot.TriggerRecurring), Backup: backupID(o.Spec.ClusterID, slot),
		Verify: o.Spec.Snapshots.Verify, S3: o.Spec.Snapshots.S3 != nil,
	}
	wait := a.arrange(ctx, o, d, &set)
	if !sleep(ctx, wait-a.cfg.Now().Sub(slot)) {
		return context.Cause(ctx)
	}
	return a.alone(ctx, func(ctx context.Context) error {
		started := a.cfg.Now()
		files, err := a.saving(o).Save(ctx, set, func(string, string) {})
		a.saved(files, a.cfg.Now().Sub(started))
		if err != nil {
			return err
		}
		return a.prune(ctx, o)
	})
}

// alone does work on snapshots that nobody has asked for: within its time, while no operation is unfinished on this machine,
// and only until a restore wants it. It returns errBusy when it was not even begun.
func (a *Agent) alone(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	ctx, stop := a.givingWay(ctx)
	defer stop()
	release, err := a.journal.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if busy, err := a.busy(); err != nil || busy {
		return errors.Join(err, errBusy)
	}
	return work(ctx)
}

// arrange looks at the member: how long this machine waits, and whether it makes the trial restore.
func (a *Agent) arrange(ctx context.Context, o orders, d distro.Driver, set *step.SaveSettings) time.Duration {
	var jitter time.Duration
	if o.Spec.Snapshots.Jitter != nil {
		jitter = o.Spec.Snapshots.Jitter.Duration
	}
	member, leader, err := a.member(ctx, d)
	if err != nil {
		return delay(a.name, false, jitter) // the save itself will say what is wrong
	}
	if set.Verify == v1alpha1.VerifyRestore && !proves(member, leader) {
		set.Verify = v1alpha1.VerifyContent
	}
	return delay(a.name, member.Role == "leader" && len(member.Members) > 1, jitter)
}

func (a *Agent) member(ctx context.Context, d distro.Driver) (*v1alpha1.EtcdMember, uint64, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, 0, err
	}
	client, err := etcd.Dial(ctx, inst.Client)
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	cluster, err := client.Inspect(ctx)
	if err != nil {
		return nil, 0, err
	}
	m, err := distro.Describe(cluster)
	return m, cluster.Leader, err
}

// saved takes note of copies that were stored.
func (a *Agent) saved(files []v1alpha1.SnapshotFile, took time.Duration) {
	for _, f := range files {
		a.metrics.saved(f, took)
	}
	if len(files) > 0 {
		a.live.add(files[0].Location)
	}
}

// prune applies retention to what this machine wrote, on its disk and in S3.
func (a *Agent) prune(ctx context.Context, o orders) error {
	s := o.Spec.Snapshots
	if s.Retention <= 0 {
		return nil
	}
	policy := repository.Policy{Keep: int(s.Retention), Node: a.node(), ClusterID: o.Spec.ClusterID}
	places := a.places(o)
	errs := []error{a.pruneIn(ctx, places.Local, policy, true)}
	if s.S3 != nil {
		if s.S3.Retention != nil {
			policy.Keep = int(*s.S3.Retention)
		}
		errs = append(errs, a.pruneIn(ctx, places.Target, policy, false))
	}
	return errors.Join(errs...)
}

func (a *Agent) pruneIn(ctx context.Context, open func() (*place.Repository, error), policy repository.Policy, perNode bool) error {
	repo, err := open()
	if err != nil {
		return err
	}
	defer repo.Close()
	policy.PerNode = perNode
	pruned, err := repo.Prune(ctx, repository.PruneConfig{Policy: policy, SpoolDir: a.cfg.spoolDir()})
	if err != nil {
		return repository.Explain("prune", repo.Location(""), err)
	}
	for file, err := range pruned.Failed {
		return fmt.Errorf("prune %s: %w", repo.Location(file), err)
	}
	return nil
}
