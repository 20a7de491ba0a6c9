package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordination "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }

// well is a cluster with which nothing is wrong: three members, and a proven snapshot of an hour ago.
func well() *Facts {
	f := &Facts{Now: now, Cluster: &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: "prod", Namespace: "prod"},
		Spec:       v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd, Etcd: v1alpha1.ClusterEtcd{S3: &v1alpha1.S3{Bucket: "b"}}},
	}}
	proven := &v1alpha1.SnapshotReference{Name: "s1", Created: *ago(time.Hour)}
	f.Cluster.Status.LastComplete, f.Cluster.Status.LastProven = proven, proven
	for i, name := range []string{"n1", "n2", "n3"} {
		f.Machines = append(f.Machines, v1alpha1.Machine{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "prod"},
			Spec:       v1alpha1.MachineSpec{Roles: []v1alpha1.Role{v1alpha1.RoleEtcd}},
			Status: v1alpha1.MachineStatus{
				Etcd:  &v1alpha1.EtcdMember{Name: name, ClusterID: "cdf8", Role: "follower", RaftIndex: int64(i)},
				Disks: []v1alpha1.Disk{{Path: "/var", Total: resource.MustParse("100Gi"), Free: resource.MustParse("50Gi")}},
			},
		})
		f.Leases = append(f.Leases, coordination.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordination.LeaseSpec{RenewTime: &metav1.MicroTime{Time: now.Add(-20 * time.Second)}},
		})
	}
	return f
}

func condition(kind string, status metav1.ConditionStatus, message string) []metav1.Condition {
	return []metav1.Condition{{Type: kind, Status: status, Message: message}}
}

func silence(f *Facts, machines ...int) {
	for _, i := range machines {
		f.Leases[i].Spec.RenewTime.Time = now.Add(-10 * time.Minute)
	}
}

func TestEachTroubleIsFoundWithItsSeverityAndTheNextCommand(t *testing.T) {
	for name, test := range map[string]struct {
		trouble func(f *Facts)
		// want are "severity subject: part of the problem | part of the next step".
		want []string
	}{
		"nothing": {func(*Facts) {}, nil},
		"no machines": {func(f *Facts) { f.Machines = nil },
			[]string{"critical cluster prod: nothing is backed up | holdfast machine join prod --role etcd"}},
		"one machine is silent": {func(f *Facts) { silence(f, 2) }, []string{
			"warning cluster prod: 2 of 3 etcd members answer: one more failure loses quorum | --replace MACHINE",
			"warning machine n3: not heard of for 10m | systemctl status holdfast-agent",
		}},
		"quorum is lost": {func(f *Facts) { silence(f, 0, 2) }, []string{
			"critical cluster prod: lost quorum: 1 of 3 | holdfast restore plan prod --survivor n2",
			"warning machine n1: not heard of | ", "warning machine n3: not heard of | ",
		}},
		"all are silent": {func(f *Facts) { silence(f, 0, 1, 2) }, []string{
			"critical cluster prod: no etcd member is known to answer | holdfast restore plan prod --latest-proven",
			"warning machine n1: not heard of | ", "warning machine n2: not heard of | ", "warning machine n3: not heard of | ",
		}},
		"never heard of": {func(f *Facts) { f.Leases = f.Leases[:2] }, []string{
			"warning cluster prod: 2 of 3 | ", "warning machine n3: it was never heard of | ",
		}},
		"two etcd clusters": {func(f *Facts) { f.Machines[2].Status.Etcd.ClusterID = "aaaa" },
			[]string{"critical cluster prod: split brain: aaaa on n3; cdf8 on n1, n2 | stop the one that must not run"}},
		"two etcd clusters while a restore runs": {func(f *Facts) {
			f.Machines[2].Status.Etcd.ClusterID = "aaaa"
			f.Cluster.Status.Operation = &v1alpha1.OperationReference{Kind: "EtcdSnapshotRestore", Name: "r", Phase: v1alpha1.PhaseRestore, Started: ago(time.Minute)}
		}, []string{"note restore r: in phase Restore | holdfast restore status prod r --watch"}},
		"alarms": {func(f *Facts) { f.Machines[0].Status.Etcd.Alarms = []string{"NOSPACE", "CORRUPT"} }, []string{
			"critical machine n1: NOSPACE | defragment", "critical machine n1: corrupt | --replace n1",
		}},
		"a full disk": {func(f *Facts) { f.Machines[1].Status.Disks[0].Free = resource.MustParse("5Gi") },
			[]string{"warning machine n2: the disk of /var has 5.0 GiB left | holdfast cluster edit prod"}},
		"little space, as was asked for": {func(f *Facts) {
			f.Machines[1].Status.Disks[0].Free = resource.MustParse("5Gi")
			least := resource.MustParse("1Gi")
			f.Cluster.Spec.Etcd.MinFree = &least
		}, nil},
		"a fence that nobody needs": {func(f *Facts) {
			f.Machines[0].Status.Conditions = condition(v1alpha1.MachineFenced, metav1.ConditionTrue, "of restore r")
		}, []string{"warning machine n1: kept from starting, and no operation runs: of restore r | holdfast machine get n1 -n prod"}},
		"old data": {func(f *Facts) { f.Cluster.Status.RestoreEpoch = 2; f.Machines = f.Machines[:1] }, []string{
			"critical machine n1: of before the last restore (epoch 0, the cluster's is 2) | ",
		}},
		"a missed schedule": {func(f *Facts) {
			f.Machines[0].Status.Conditions = condition(v1alpha1.MachineScheduleOK, metav1.ConditionFalse, "the disk was full")
		}, []string{"warning machine n1: was not taken: the disk was full | "}},
		"no snapshot": {func(f *Facts) { f.Cluster.Status.LastComplete, f.Cluster.Status.LastProven = nil, nil },
			[]string{"critical cluster prod: no complete snapshot | holdfast snapshot create prod"}},
		"old snapshots": {func(f *Facts) {
			f.Cluster.Status.Conditions = condition(v1alpha1.ClusterProtected, metav1.ConditionFalse, "")
			f.Cluster.Status.Conditions[0].Reason = v1alpha1.ProtectedOverdue
			f.Cluster.Status.LastProven = &v1alpha1.SnapshotReference{Name: "s0", Created: *ago(9 * 24 * time.Hour)}
		}, []string{
			"critical cluster prod: 60m old, more than the schedule promises | holdfast snapshot create prod",
			"warning cluster prod: proven snapshot is 9d old | holdfast snapshot verify s1",
		}},
		"restored but not proven": {func(f *Facts) {
			f.Cluster.Status.LastProven = nil
			f.Snapshots = []v1alpha1.EtcdSnapshot{{ObjectMeta: metav1.ObjectMeta{Name: "s1"}, Status: v1alpha1.EtcdSnapshotStatus{State: v1alpha1.StateRestored}}}
		}, []string{"note cluster prod: no snapshot was proven | "}},
		"neither restored nor proven": {func(f *Facts) { f.Cluster.Status.LastProven = nil },
			[]string{"warning cluster prod: was ever proven | holdfast snapshot verify s1"}},
		"a damaged copy, and one of which all are": {func(f *Facts) {
			bad := v1alpha1.SnapshotCopy{Location: "/a", Machine: "n1", CopyFacts: v1alpha1.CopyFacts{State: v1alpha1.StateDamaged, Message: "its hash is wrong"}}
			good := v1alpha1.SnapshotCopy{Location: "s3://b/a", CopyFacts: v1alpha1.CopyFacts{State: v1alpha1.StateComplete}}
			f.Snapshots = []v1alpha1.EtcdSnapshot{
				{ObjectMeta: metav1.ObjectMeta{Name: "half"}, Status: v1alpha1.EtcdSnapshotStatus{Copies: []v1alpha1.SnapshotCopy{bad, good}}},
				{ObjectMeta: metav1.ObjectMeta{Name: "whole"}, Status: v1alpha1.EtcdSnapshotStatus{Copies: []v1alpha1.SnapshotCopy{bad}}},
			}
		}, []string{
			"critical snapshot whole: all its copies are damaged | holdfast snapshot show whole",
			"warning snapshot half: /a on n1 is damaged: its hash is wrong | holdfast snapshot show half",
		}},
		"local only, no schedule": {func(f *Facts) { f.Cluster.Spec.Etcd.S3, f.Cluster.Spec.Etcd.DisableSnapshots = nil, true }, []string{
			"warning cluster prod: turned off | disableSnapshots", "warning cluster prod: whoever loses the machines | set etcd.s3",
		}},
		"S3 does not work": {func(f *Facts) {
			f.Cluster.Status.Conditions = condition(v1alpha1.ClusterOffsite, metav1.ConditionFalse, "access denied")
		}, []string{"warning cluster prod: don't reach S3: access denied | holdfast target test prod"}},
		"it holds the manager's own objects": {func(f *Facts) {
			f.Cluster.Status.Conditions = condition(v1alpha1.ClusterHostsManager, metav1.ConditionTrue, "one kube-system")
		}, []string{"warning cluster prod: can't restore it: one kube-system | holdfast-agent restore --local"}},
		"a restore left steps": {func(f *Facts) {
			f.Restores = []v1alpha1.EtcdSnapshotRestore{restore("old", time.Hour, v1alpha1.OutcomeHeld), restore("new", time.Minute, v1alpha1.OutcomeKeptNew)}
		}, []string{"critical restore new: steps remain | holdfast restore retry prod new"}},
		"a plan waits": {func(f *Facts) {
			r := restore("r", time.Minute, "")
			r.Status.Phase, r.Status.Plan = v1alpha1.PhasePending, &v1alpha1.RestorePlan{}
			f.Restores = []v1alpha1.EtcdSnapshotRestore{r}
		}, []string{"note restore r: waits for approval | holdfast restore create prod --plan r"}},
		"nobody drives a save": {func(f *Facts) {
			f.Saves = []v1alpha1.EtcdSnapshotSave{{ObjectMeta: metav1.ObjectMeta{Name: "s"}}}
			f.Saves[0].Status.Phase, f.Saves[0].Status.Deadline = v1alpha1.PhaseStarted, ago(time.Hour)
		}, []string{"warning save s: deadline passed 60m ago | systemctl status holdfast-server"}},
		"the last save failed": {func(f *Facts) {
			f.Saves = []v1alpha1.EtcdSnapshotSave{{ObjectMeta: metav1.ObjectMeta{Name: "s"}}}
			f.Saves[0].Status.Phase, f.Saves[0].Status.Message = v1alpha1.PhaseFailed, "n2 is full"
		}, []string{"warning save s: failed: n2 is full | holdfast snapshot create prod"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := well()
			test.trouble(f)
			found := Examine(*f)
			if len(found) != len(test.want) {
				t.Fatalf("%d findings, want %d: %+v", len(found), len(test.want), found)
			}
			for i, want := range test.want {
				matches(t, found[i], want)
			}
		})
	}
}

func restore(name string, old time.Duration, outcome string) v1alpha1.EtcdSnapshotRestore {
	r := v1alpha1.EtcdSnapshotRestore{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: *ago(old)}}
	r.Status.Phase, r.Status.Outcome = v1alpha1.PhaseFailed, outcome
	return r
}

func matches(t *testing.T, f Finding, want string) {
	t.Helper()
	head, rest, _ := strings.Cut(want, ": ")
	text, next, _ := strings.Cut(rest, " | ")
	if diff := cmp.Diff(head, string(f.Severity)+" "+f.Subject); diff != "" {
		t.Errorf("severity and subject (-want +got): %s", diff)
	}
	if !strings.Contains(f.Problem, text) || !strings.Contains(f.Next, next) {
		t.Errorf("got %q, next %q; want %q, %q", f.Problem, f.Next, text, next)
	}
}
