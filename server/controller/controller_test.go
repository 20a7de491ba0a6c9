package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/controller"
)

var plain = v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd}

// TestASaveGoesThroughItsPhasesAndFillsTheCatalogue is the whole way: agents report, the cluster gets ready, a save hands
// out steps, inventories become EtcdSnapshots, and the cluster knows its last complete one.
func TestASaveGoesThroughItsPhasesAndFillsTheCatalogue(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a", "b", "c")
	save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "now")}
	b.create(save)
	b.eventually("the save has finished", func() bool { return b.get(save) && save.Status.Phase.Ended() })
	if save.Status.Phase != v1alpha1.PhaseFinished || len(save.Status.Snapshots) != 3 {
		t.Fatalf("%s: %s", save.Status.Phase, save.Status.Message)
	}
	for _, name := range save.Status.Snapshots {
		s := &v1alpha1.EtcdSnapshot{ObjectMeta: in(c.Namespace, name)}
		b.eventually("the catalogue has "+name, func() bool { return b.get(s) && s.Status.State == v1alpha1.StateRestored })
		if s.Spec.Backup != save.Status.Backup || s.Status.Available != 1 || strings.HasSuffix(s.Spec.File, ".db") {
			t.Errorf("%+v", s.Spec)
		}
	}
	b.eventually("the cluster knows its last complete snapshot", func() bool { return b.get(c) && c.Status.LastComplete != nil })
	b.eventually("no operation is shown", func() bool { return b.get(c) && c.Status.Operation == nil })
	if diff := cmp.Diff(v1alpha1.MachineCount{Total: 3, Etcd: 3, Answering: 3}, c.Status.Machines); diff != "" {
		t.Error(diff)
	}
	if c.Status.NextSnapshot == nil || b.is(c, v1alpha1.ClusterProtected) || !b.is(c, v1alpha1.ClusterScheduled) {
		t.Errorf("next %v, conditions %v", c.Status.NextSnapshot, c.Status.Conditions)
	}
	b.eventually("an event tells", func() bool {
		var events eventsv1.EventList
		err := b.client.List(t.Context(), &events, client.InNamespace(c.Namespace))
		for _, e := range events.Items {
			if e.Regarding.Name == "now" && e.Reason == "Finished" {
				return true
			}
		}
		return err != nil
	})
}

func TestMachinesGetTheSettingsInForce(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a")
	m := &v1alpha1.Machine{ObjectMeta: in(c.Namespace, "a")}
	b.eventually("defaults are in force", func() bool { return b.get(m) && m.Spec.Snapshots != nil })
	want := &v1alpha1.MachineSnapshots{
		Scheduler: v1alpha1.SchedulerHoldfast, Cron: "0 */5 * * *", Retention: 5, Verify: v1alpha1.VerifyRestore,
		Jitter: &metav1.Duration{Duration: 2 * time.Minute},
	}
	if diff := cmp.Diff(want, m.Spec.Snapshots); diff != "" {
		t.Error(diff)
	}
	if m.Spec.ClusterID != c.Status.ID {
		t.Errorf("cluster id %s, want %s", m.Spec.ClusterID, c.Status.ID)
	}
	b.get(c)
	c.Spec.Etcd.SnapshotScheduleCron = "@every 1m"
	if err := b.client.Update(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.eventually("the schedule is changed", func() bool { return b.get(m) && m.Spec.Snapshots.Cron == "@every 1m" })
	if m.Spec.Snapshots.Jitter.Duration != 6*time.Second {
		t.Errorf("jitter %v", m.Spec.Snapshots.Jitter)
	}
}

// TestTheCatalogueShowsWhatMachinesAndFolderHold: copies of one snapshot under one name, foreign files grouped by run; what
// nobody holds any more is gone, and what could not be looked at stays.
func TestTheCatalogueShowsWhatMachinesAndFolderHold(t *testing.T) {
	at := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	f := &folder{files: []v1alpha1.SnapshotFile{
		{Location: "s3://b/on-demand-a-1700000000.db.zst", File: "on-demand-a-1700000000.db.zst", SnapshotFacts: v1alpha1.SnapshotFacts{Created: at, Backup: "x"}, CopyFacts: v1alpha1.CopyFacts{Size: 5, State: v1alpha1.StateComplete}},
		{Location: "s3://b/etcd-snapshot-n1-1700000100", File: "etcd-snapshot-n1-1700000100", SnapshotFacts: v1alpha1.SnapshotFacts{Created: at, Node: "n1"}, CopyFacts: v1alpha1.CopyFacts{Size: 5, State: v1alpha1.StateUnverified}},
		{Location: "s3://b/etcd-snapshot-n2-1700000103", File: "etcd-snapshot-n2-1700000103", SnapshotFacts: v1alpha1.SnapshotFacts{Created: at, Node: "n2"}, CopyFacts: v1alpha1.CopyFacts{Size: 5, State: v1alpha1.StateUnverified}},
	}}
	b := newBench(t, controller.Config{Targets: f, TargetPeriod: time.Second})
	c := b.cluster("one", v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd, Etcd: v1alpha1.ClusterEtcd{S3: &v1alpha1.S3{Bucket: "bucket", Endpoint: "s3.example.com"}}})
	var all v1alpha1.EtcdSnapshotList
	b.eventually("the folder is listed", func() bool {
		return b.client.List(t.Context(), &all, client.InNamespace(c.Namespace)) == nil && len(all.Items) == 3
	})
	backups := map[string]int{}
	for _, s := range all.Items {
		backups[s.Spec.Backup]++
	}
	if diff := cmp.Diff(map[string]int{"x": 1, fmt.Sprint("etcd-snapshot-", at.Unix()): 2}, backups); diff != "" {
		t.Error(diff)
	}
	b.eventually("the folder counts as offsite", func() bool { return b.get(c) && b.is(c, v1alpha1.ClusterOffsite) })
	if err := b.client.Delete(t.Context(), &all.Items[0]); err != nil {
		t.Fatal(err)
	}
	b.eventually("what was deleted is back", func() bool {
		return b.client.List(t.Context(), &all, client.InNamespace(c.Namespace)) == nil && len(all.Items) == 3
	})
}

func TestASecondSaveWaitsAndSaysForWhat(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a", "b", "c")
	first, second := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "first")}, &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "second")}
	b.create(first)
	b.create(second)
	for _, s := range []*v1alpha1.EtcdSnapshotSave{first, second} {
		b.eventually(s.Name+" has finished", func() bool { return b.get(s) && s.Status.Phase.Ended() })
		if s.Status.Phase != v1alpha1.PhaseFinished {
			t.Errorf("%s: %s", s.Name, s.Status.Message)
		}
	}
	if !first.Status.Ended.Time.Before(second.Status.Started.Time.Add(time.Second)) && !second.Status.Ended.Time.Before(first.Status.Started.Time.Add(time.Second)) {
		t.Errorf("they ran at the same time: %v to %v, %v to %v", first.Status.Started, first.Status.Ended, second.Status.Started, second.Status.Ended)
	}
}

// TestControllersThatRestartHandOutNoStepTwice: they are stopped again and again while saves run.
func TestControllersThatRestartHandOutNoStepTwice(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a", "b", "c")
	for _, name := range []string{"s1", "s2", "s3"} {
		save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, name)}
		b.create(save)
		for _, phase := range []v1alpha1.Phase{v1alpha1.PhaseStarted, v1alpha1.PhaseRestartCluster} {
			b.eventually(name+" is under way", func() bool { return b.get(save) && (save.Status.Phase == phase || save.Status.Phase.Ended()) })
			b.stopControllers()
			b.startControllers()
		}
		b.eventually(name+" has ended", func() bool { return b.get(save) && save.Status.Phase.Ended() })
		if save.Status.Phase != v1alpha1.PhaseFinished {
			t.Errorf("%s: %s", name, save.Status.Message)
		}
	}
	for name, a := range b.agents {
		if len(a.Steps()) != 3 {
			t.Errorf("%s did %v", name, a.Steps())
		}
		for id, n := range a.Steps() {
			if n != 1 {
				t.Errorf("%s did %s %d times", name, id, n)
			}
		}
	}
}

func TestATaskDeletesTheBytesAndTheCatalogueFollows(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a")
	save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "now")}
	b.create(save)
	b.eventually("the save has ended", func() bool { return b.get(save) && save.Status.Phase.Ended() && len(save.Status.Snapshots) == 1 })
	s := &v1alpha1.EtcdSnapshot{ObjectMeta: in(c.Namespace, save.Status.Snapshots[0])}
	b.eventually("the snapshot is listed", func() bool { return b.get(s) })
	task := &v1alpha1.EtcdSnapshotTask{ObjectMeta: in(c.Namespace, "gone"), Spec: v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskDelete, Snapshots: []string{s.Name}}}
	b.create(task)
	b.eventually("the task has ended", func() bool { return b.get(task) && task.Status.Phase.Ended() })
	if task.Status.Phase != v1alpha1.PhaseFinished {
		t.Fatal(task.Status.Message)
	}
	b.eventually("the snapshot is no longer listed", func() bool { return !b.get(s) })
}

// TestARestoreIsPlannedApprovedAndDone on the real API: digest, phases, epoch in cluster and machines, finalizers.
func TestARestoreIsPlannedApprovedAndDone(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a", "b", "c")
	save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "now")}
	b.create(save)
	b.eventually("the save has ended", func() bool { return b.get(save) && save.Status.Phase.Ended() })
	r := &v1alpha1.EtcdSnapshotRestore{ObjectMeta: in(c.Namespace, "back")}
	r.Spec.Source.LatestProven = true
	b.create(r)
	b.eventually("the plan waits for its approval", func() bool {
		return b.get(r) && r.Status.Plan != nil && strings.Contains(r.Status.Message, r.Status.Plan.Digest)
	})
	r.Spec.ApprovedPlan = r.Status.Plan.Digest
	if err := b.client.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b.eventually("the restore has ended", func() bool { return b.get(r) && r.Status.Phase.Ended() })
	if r.Status.Phase != v1alpha1.PhaseFinished || r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	b.eventually("the cluster has the new epoch", func() bool { return b.get(c) && c.Status.RestoreEpoch == 1 && c.Status.Operation == nil })
	for _, name := range []string{"a", "b", "c"} {
		m := &v1alpha1.Machine{ObjectMeta: in(c.Namespace, name)}
		b.eventually(name+" has it, too", func() bool { return b.get(m) && m.Spec.RestoreEpoch == 1 && m.Status.RestoreEpoch == 1 })
		if b.hasCondition(m, v1alpha1.MachineStale) {
			t.Errorf("%s counts as stale: %v", name, m.Status.Conditions)
		}
	}
	b.eventually("its finalizer is gone", func() bool { return b.get(r) && len(r.Finalizers) == 0 })
}

func TestADeletedClusterDeletesItsBytesOnlyWhenAskedTo(t *testing.T) {
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionRetain, v1alpha1.DeletionDelete} {
		t.Run(string(policy), func(t *testing.T) {
			b := newBench(t, controller.Config{})
			spec := plain
			spec.DeletionPolicy = policy
			c := b.cluster("one", spec, "a")
			save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: in(c.Namespace, "now")}
			b.create(save)
			b.eventually("the save has ended", func() bool { return b.get(save) && save.Status.Phase.Ended() && len(save.Status.Snapshots) == 1 })
			b.eventually("it is listed", func() bool { return b.get(c) && c.Status.LastComplete != nil })
			if err := b.client.Delete(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			b.eventually("the cluster is gone", func() bool { return !b.get(c) })
			if files, want := b.agents["a"].Files(), map[v1alpha1.DeletionPolicy]int{v1alpha1.DeletionRetain: 1, v1alpha1.DeletionDelete: 0}[policy]; files != want {
				t.Errorf("the machine has %d files", files)
			}
		})
	}
}
