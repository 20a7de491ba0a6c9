package cli_test

import (
	"context"
	"strings"
	"testing"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// fleet makes cluster prod with three machines and two backups.
func fleet(l *lab) {
	l.t.Helper()
	l.run("cluster", "create", "prod", "--distro", "etcd", "--target", "s3://backups/prod").must(l.t, 0)
	observe(l, "prod")
	for i, name := range []string{"n1", "n2", "n3"} {
		l.put(machine(name, i), lease(name, time.Duration(i)*10*time.Second))
	}
	for _, node := range []string{"n1", "n2"} {
		l.put(snapshot("etcd-snapshot", node, time.Hour, "b-2", v1alpha1.StateRestored))
	}
	l.put(snapshot("on-demand", "n1", 26*time.Hour, "b-1", v1alpha1.StateDamaged))
}

func machine(name string, i int) *v1alpha1.Machine {
	size, used := resource.MustParse("64Mi"), resource.MustParse("48Mi")
	return &v1alpha1.Machine{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "prod"},
		Spec:       v1alpha1.MachineSpec{Roles: []v1alpha1.Role{v1alpha1.RoleEtcd}, Distro: v1alpha1.DistroEtcd, ClusterID: "c-9dmxz"},
		Status: v1alpha1.MachineStatus{
			AgentVersion: "v0.1.0", Addresses: []string{"10.0.0.1" + name[1:]}, Hostname: name,
			Conditions: []metav1.Condition{{Type: v1alpha1.MachineReady, Status: metav1.ConditionTrue, Reason: "Ready", LastTransitionTime: *ago(time.Hour)}},
			Etcd: &v1alpha1.EtcdMember{
				ID: "8e9e05c52164694" + name[1:], ClusterID: "cdf818194e3a8c32", Name: name, Role: []string{"leader", "follower", "follower"}[i],
				Version: "3.6.7", Size: &size, InUse: &used, Revision: 4711, RaftIndex: int64(5000 + i), RaftTerm: 3,
			},
			EtcdConfig:   &v1alpha1.EtcdMemberConfig{Name: name, PeerURLs: []string{"https://10.0.0.1" + name[1:] + ":2380"}},
			Disks:        []v1alpha1.Disk{{Path: "/var/lib/holdfast", Total: resource.MustParse("100Gi"), Free: resource.MustParse("40Gi")}},
			NextSchedule: &metav1.Time{Time: now.Add(47 * time.Minute)},
		},
	}
}

func lease(name string, silent time.Duration) *coordination.Lease {
	return &coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "prod"},
		Spec:       coordination.LeaseSpec{RenewTime: &metav1.MicroTime{Time: now.Add(-silent)}},
	}
}

func snapshot(base, node string, old time.Duration, backup string, state v1alpha1.SnapshotState) *v1alpha1.EtcdSnapshot {
	created := ago(old)
	file := base + "-" + node + "-" + created.UTC().Format("20060102") + ".db"
	evidence := []v1alpha1.Evidence{{Level: "restore", Outcome: "passed", At: *ago(old - time.Minute), Took: &metav1.Duration{Duration: 2 * time.Second}, Machine: node}}
	if state == v1alpha1.StateDamaged {
		evidence = []v1alpha1.Evidence{{Level: "checksum", Outcome: "failed", At: *ago(old - time.Minute), Reason: "its SHA-256 is another"}}
	}
	return &v1alpha1.EtcdSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.SnapshotObjectName(file), Namespace: "prod"},
		Spec: v1alpha1.EtcdSnapshotSpec{File: file, SnapshotFacts: v1alpha1.SnapshotFacts{
			Trigger: map[string]string{"etcd-snapshot": "recurring", "on-demand": "manual"}[base], Created: *created, Backup: backup, Node: node,
			Revision: 4700, EtcdVersion: "3.6.7",
		}},
		Status: v1alpha1.EtcdSnapshotStatus{State: state, Size: 20 << 20, Available: 2, Copies: []v1alpha1.SnapshotCopy{
			{Location: "/var/lib/holdfast/snapshots/" + file, Machine: node, CopyFacts: v1alpha1.CopyFacts{Size: 20 << 20, State: state, SHA256: "5a5a", Evidence: evidence}},
			{Location: "s3://backups/prod/" + file + ".zst", CopyFacts: v1alpha1.CopyFacts{Size: 5 << 20, State: v1alpha1.StateComplete}},
		}},
	}
}

func TestSnapshotsAndMachinesAreShownAsTheManagerKnowsThem(t *testing.T) {
	t.Setenv("TZ", "UTC")
	l := start(t)
	fleet(l)
	l.golden("machine-ls", l.run("machine", "ls", "prod").must(t, 0).out)
	l.golden("machine-get", l.run("machine", "get", "n1").must(t, 0).out)
	l.golden("snapshot-ls", l.run("snapshot", "ls", "prod").must(t, 0).out)
	l.golden("snapshot-show", l.run("snapshot", "show", "etcd-snapshot-n1-20261122.db").must(t, 0).out)
	l.golden("snapshot-show-by-hand", l.run("snapshot", "show", "etcd-snapshot-n1-20261122.db", "--by-hand").must(t, 0).out)
	l.golden("doctor", l.run("doctor", "prod").must(t, 3).out)
	ctx, stop := context.WithCancel(t.Context())
	c := l.begin(ctx, "", "snapshot", "ls", "prod", "--watch", "-o", "name")
	eventually(t, "the list is shown", func() bool { return strings.Contains(c.out.String(), "on-demand-n1") })
	l.put(snapshot("on-demand", "n2", time.Minute, "b-3", v1alpha1.StateComplete))
	eventually(t, "the new one is shown", func() bool { return strings.Contains(c.out.String(), "on-demand-n2") })
	stop()
	c.ends(130)
	l.run("snapshot", "show", "none").must(t, 5).says(t, "find snapshot none at")
	l.run("snapshot", "download", "etcd-snapshot-n1-20261122.db").must(t, 5).says(t, "the manager's address") // there is no port here
	local := snapshot("local", "n1", time.Hour, "b-4", v1alpha1.StateChecked)
	local.Status.Copies = local.Status.Copies[:1]
	l.put(local)
	l.run("snapshot", "download", local.Name).must(t, 3).says(t, "it lies on machine n1 alone", "scp 'root@10.0.0.11:/var/lib/holdfast/snapshots/local-n1-20261122.db' .")
	l.run("snapshot", "ls", "prod", "-o", "name").must(t, 0).says(t, snapshot("etcd-snapshot", "n2", time.Hour, "", "").Name)
	l.run("__complete", "snapshot", "show", "").must(t, 0).says(t, snapshot("etcd-snapshot", "n1", time.Hour, "", "").Name, "restored, ")
	l.run("__complete", "machine", "get", "").must(t, 0).says(t, "n3\tof prod")
}

func TestATakenSnapshotIsFollowedToItsEnd(t *testing.T) {
	l := start(t)
	fleet(l)
	var list v1alpha1.EtcdSnapshotSaveList
	c := l.begin(t.Context(), "", "snapshot", "create", "prod", "--pre-change", "--machine", "n1,n2")
	save := the(l, "prod", &list, func() []v1alpha1.EtcdSnapshotSave { return list.Items })
	if !save.Spec.PreChange || len(save.Spec.Machines) != 2 {
		t.Errorf("spec %+v", save.Spec)
	}
	s := &save.Status
	s.Phase, s.Message = v1alpha1.PhaseStarted, "2 machines save"
	s.Steps = []v1alpha1.StepStatus{
		{Machine: "n1", Step: "SaveSnapshot", ID: "save-n1", Outcome: v1alpha1.StepRunning, Started: ago(time.Minute), Message: "uploaded 12 MiB"},
		{Machine: "n2", Step: "SaveSnapshot", ID: "save-n2", Outcome: v1alpha1.StepWaiting},
	}
	l.status(save)
	c.shows("n1 SaveSnapshot running: uploaded 12 MiB")
	s.Steps[0].Outcome, s.Steps[0].Ended, s.Steps[0].Message = v1alpha1.StepDone, ago(0), ""
	s.Steps[1].Outcome, s.Steps[1].Message = v1alpha1.StepFailed, "the disk is full"
	l.status(save)
	c.shows("n2 SaveSnapshot failed: the disk is full")
	s.Phase, s.Message = v1alpha1.PhaseFailed, "n2 has no snapshot"
	s.Snapshots = []string{snapshot("etcd-snapshot", "n1", time.Hour, "b-2", "").Name}
	l.status(save)
	got := c.ends(9)
	if got.out == "" {
		t.Error("what was saved is not shown")
	}
	l.golden("snapshot-create-failed", strings.ReplaceAll(got.err, save.Name, "save-xxxxx"))
}

func TestWhoeverWaitsTooLongIsToldThatItGoesOn(t *testing.T) {
	l := start(t)
	fleet(l)
	l.run("snapshot", "create", "prod", "--timeout", "1s").must(t, 10).says(t, "it goes on", "holdfast snapshot ls prod")
	ctx, cancel := context.WithCancel(t.Context())
	c := l.begin(ctx, "", "snapshot", "create", "prod")
	c.shows("Waiting for the manager")
	cancel()
	c.ends(130).says(t, "goes on without this command")
	l.run("snapshot", "create", "prod", "--no-wait", "-o", "json").must(t, 0).says(t, `"kind": "EtcdSnapshotSave"`)
}

func TestTasksTellWhatEachMachineFound(t *testing.T) {
	l := start(t)
	fleet(l)
	finish := func(c *command, code int, results ...v1alpha1.TaskResult) said {
		t.Helper()
		var list v1alpha1.EtcdSnapshotTaskList
		task := the(l, "prod", &list, func() []v1alpha1.EtcdSnapshotTask { return list.Items })
		task.Status.Phase, task.Status.Results = v1alpha1.PhaseFinished, results
		l.status(task)
		got := c.ends(code)
		if err := l.client.Delete(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		return got
	}
	name := snapshot("etcd-snapshot", "n1", time.Hour, "", "").Name
	finish(l.begin(t.Context(), "", "snapshot", "verify", name), 0, v1alpha1.TaskResult{Machine: "n1", Subject: "a.db", Outcome: "passed"})
	finish(l.begin(t.Context(), "", "snapshot", "verify", name, "--level", "content"), 4,
		v1alpha1.TaskResult{Machine: "n1", Subject: "a.db", Outcome: "failed", Message: "page 7 is damaged"}).says(t, "1 of 1 failed: a.db on n1: page 7 is damaged")
	finish(l.begin(t.Context(), "", "target", "test", "prod"), 9,
		v1alpha1.TaskResult{Machine: "n1", Subject: "write", Outcome: "passed"},
		v1alpha1.TaskResult{Machine: "n2", Subject: "write", Outcome: "failed", Message: "access denied"}).says(t, "write on n2: access denied")
	l.answer("no\n", "snapshot", "delete", name).must(t, 3).says(t, "These copies will be deleted for good", "s3://backups/prod/")
	finish(l.begin(t.Context(), "prod\n", "snapshot", "delete", name), 0, v1alpha1.TaskResult{Machine: "n1", Subject: "a.db", Outcome: "passed", Message: "deleted"})
	l.run("snapshot", "verify", name, "--level", "deep").must(t, 2)
}

func TestAJoinLineHoldsATokenForOneMachineOfTheCluster(t *testing.T) {
	l := start(t)
	l.run("cluster", "create", "prod", "--distro", "etcd").must(t, 0)
	l.run("machine", "join", "prod", "--role", "boss").must(t, 2).says(t, "use etcd, control-plane, worker")
	l.run("machine", "join", "prod", "--role", "etcd").must(t, 5).says(t, "the manager's address")
	authority, err := enroll.LoadAuthority(t.Context(), l.client, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	info := enroll.Info{CA: string(authority.CA()), Pin: "sha256//AAAA", Addresses: []string{"manager.example:8443"}}
	if err := info.Publish(t.Context(), l.client); err != nil {
		t.Fatal(err)
	}
	l.run("machine", "join", "prod", "--role", "etcd,control-plane", "--replace", "n1").must(t, 0).says(t,
		"curl -fsSk --pinnedpubkey sha256//AAAA https://manager.example:8443/install.sh | HOLDFAST_JOIN_TOKEN=hf1:", "as root")
	l.run("machine", "join", "prod", "--role", "etcd", "--server", "10.0.0.9:443").must(t, 0).says(t, "https://10.0.0.9:443/install.sh")
	var list core.SecretList
	if err := l.client.List(t.Context(), &list, client.InNamespace("prod")); err != nil || len(list.Items) != 2 {
		t.Fatalf("%d Secrets, %v", len(list.Items), err)
	}
}
