package cli_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

var digest = "sha256:" + strings.Repeat("ab", 32)

// planned writes the status of a restore whose plan is made.
func planned(r *v1alpha1.EtcdSnapshotRestore) {
	s := &r.Status
	s.Phase = v1alpha1.PhasePending
	s.Conditions = []metav1.Condition{{
		Type: v1alpha1.OperationPlanned, Status: metav1.ConditionTrue, Reason: v1alpha1.PlannedReady, LastTransitionTime: *ago(0),
	}}
	s.Preflight = []v1alpha1.PreflightCheck{
		{Check: "SnapshotReadable", Machine: "n1", Outcome: "Passed", Message: "read in full"},
		{Check: "Answers", Machine: "n3", Outcome: "Warning", Message: "it does not answer; it rejoins later"},
	}
	s.Plan = &v1alpha1.RestorePlan{
		Verdict: v1alpha1.VerdictRestore, Reason: "no member answers", Text: []string{"The cluster returns to 02:00 and loses 60 minutes."},
		Warnings: []string{"n3 may hold the old quorum: split brain"},
		Snapshot: &v1alpha1.PlannedSnapshot{File: "etcd-snapshot-n1-20261122.db", Location: "/x", State: v1alpha1.StateRestored, Size: 20 << 20, Created: ago(time.Hour)},
		Machines: []v1alpha1.PlannedMachine{{Machine: "n1", Action: v1alpha1.ActionRestore}, {Machine: "n2", Action: v1alpha1.ActionRestore, Reason: "all members get the same bytes"}},
		Made:     *ago(0), Digest: digest,
	}
}

func TestARestoreIsPlannedApprovedByItsDigestAndFollowed(t *testing.T) {
	t.Setenv("TZ", "UTC")
	l := start(t)
	fleet(l)
	var list v1alpha1.EtcdSnapshotRestoreList
	items := func() []v1alpha1.EtcdSnapshotRestore { return list.Items }

	c := l.begin(t.Context(), "", "restore", "plan", "prod", "--snapshot", "etcd-snapshot-n1-20261122.db")
	r := the(l, "prod", &list, items)
	if want := snapshot("etcd-snapshot", "n1", time.Hour, "", "").Name; r.Spec.Source.Snapshot != want || r.Spec.ApprovedPlan != "" {
		t.Errorf("spec %+v, want snapshot %s", r.Spec, want)
	}
	planned(r)
	ready := r.Status.Conditions
	r.Status.Conditions, r.Status.Message = nil, "checks all machines: waits for n2"
	l.status(r)
	c.shows("waits for n2")
	r.Status.Conditions, r.Status.Message = ready, ""
	l.status(r)
	got := c.ends(0)
	l.golden("restore-plan", strings.ReplaceAll(got.out, r.Name, "restore-xxxxx"))

	l.answer("prot\n", "restore", "create", "prod", "--plan", r.Name).must(t, 3).says(t, "nothing was changed", "WARNING: n3 may hold")
	c = l.begin(t.Context(), "prod\n", "restore", "create", "prod", "--plan", r.Name)
	eventually(t, "the plan is approved", func() bool {
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(r), r); err != nil {
			t.Fatal(err)
		}
		return r.Spec.ApprovedPlan == digest
	})
	r.Status.Phase, r.Status.Stage, r.Status.Message = v1alpha1.PhaseShutdown, "Fence", "2 machines are fenced"
	r.Status.Steps = []v1alpha1.StepStatus{{Machine: "n1", Step: "StopDistro", ID: "stop-n1", Outcome: v1alpha1.StepRunning, Started: ago(time.Second)}}
	l.status(r)
	c.shows("Shutdown: 2 machines are fenced")
	c.shows("n1 StopDistro running")
	r.Status.Phase, r.Status.Message, r.Status.Outcome = v1alpha1.PhaseFailed, "n2 did not start", v1alpha1.OutcomeKeptNew
	r.Status.Committed, r.Status.RemainingSteps, r.Status.ObservedGeneration = ago(0), []string{"start-n2"}, r.Generation
	l.status(r)
	c.ends(9).says(t, "the snapshot's data runs, but steps remain: n2 did not start", "next: holdfast restore retry prod "+r.Name)

	l.run("restore", "ls", "prod").must(t, 0).says(t, "NAME", r.Name, "Failed", "yes", "KeptNew", "etcd-snapshot-n1-20261122.db", "n2 did not start")
	l.run("restore", "ls", "prod", "-o", "name").must(t, 0).says(t, r.Name)
	l.run("__complete", "restore", "status", "prod", "").must(t, 0).says(t, r.Name+"\tFailed")
	l.run("restore", "status", "prod").must(t, 0).says(t, "KeptNew", "start-n2", "nothing rolls back by itself any more")
	l.run("restore", "cancel", "prod").must(t, 3).says(t, "it has ended")
	l.run("restore", "retry", "prod", "--from", "other").must(t, 3).says(t, "start-n2")
	l.run("restore", "create", "prod", "--plan", r.Name).must(t, 3).says(t, "it is approved already")

	c = l.begin(t.Context(), "", "restore", "retry", "prod")
	eventually(t, "the retry is asked for", func() bool {
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(r), r); err != nil {
			t.Fatal(err)
		}
		return r.Spec.RetryFrom == "start-n2"
	})
	r.Status.Phase, r.Status.Message, r.Status.Outcome, r.Status.RemainingSteps = v1alpha1.PhaseFinished, "", v1alpha1.OutcomeRestored, nil
	r.Status.ObservedGeneration = r.Generation
	l.status(r)
	c.ends(0).says(t, "Restored")
	l.run("restore", "retry", "prod").must(t, 3).says(t, "no steps remain")
	l.run("restore", "status", "prod", "--watch").must(t, 0)
}

func TestARestoreThatACheckRefusesChangesNothing(t *testing.T) {
	l := start(t)
	fleet(l)
	l.run("restore", "plan", "prod").must(t, 2).says(t, "--latest-proven")
	l.run("restore", "plan", "prod", "--latest-proven", "--at", "2026-11-22 02:00").must(t, 2)
	l.run("restore", "create", "prod", "--latest-proven", "--restore-config", "some").must(t, 2)
	l.run("restore", "ls", "prod").must(t, 0).says(t, "holdfast restore plan prod --latest-proven")
	l.run("restore", "status", "prod").must(t, 5).says(t, "holdfast restore plan prod --latest-proven")
	var list v1alpha1.EtcdSnapshotRestoreList
	c := l.begin(t.Context(), "", "restore", "create", "prod", "--latest-proven", "--yes")
	r := the(l, "prod", &list, func() []v1alpha1.EtcdSnapshotRestore { return list.Items })
	planned(r)
	r.Status.Preflight[0].Outcome, r.Status.Preflight[0].Message = "Failed", "its hash is wrong"
	l.status(r)
	c.ends(3).says(t, "n1 SnapshotReadable: its hash is wrong", "nothing was touched")
	if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(r), r); err != nil || r.Spec.ApprovedPlan != "" || !r.Spec.Cancel {
		t.Errorf("approved %q, withdrawn %v, %v", r.Spec.ApprovedPlan, r.Spec.Cancel, err)
	}
	if err := l.client.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	c = l.begin(t.Context(), "", "restore", "plan", "prod", "--latest-proven")
	r = the(l, "prod", &list, func() []v1alpha1.EtcdSnapshotRestore { return list.Items })
	planned(r)
	l.status(r)
	c.ends(0)
	c = l.begin(t.Context(), "", "restore", "cancel", "prod")
	eventually(t, "it is asked to end", func() bool {
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(r), r); err != nil {
			t.Fatal(err)
		}
		return r.Spec.Cancel
	})
	r.Status.Phase, r.Status.Outcome = v1alpha1.PhaseCancelled, v1alpha1.OutcomeNothingDone
	l.status(r)
	c.ends(0).says(t, "Cancelled")
}
