package controller

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func copyOf(machine, location, file string, state v1alpha1.SnapshotState, facts v1alpha1.SnapshotFacts) found {
	return found{machine: machine, SnapshotFile: v1alpha1.SnapshotFile{
		Location: location, File: file, SnapshotFacts: facts, CopyFacts: v1alpha1.CopyFacts{State: state, Size: 5},
	}}
}

var at = metav1.NewTime(time.Unix(1700000000, 0))

func TestCopiesOfOneFileAreOneSnapshot(t *testing.T) {
	rich := v1alpha1.SnapshotFacts{Created: at, Backup: "b", Revision: 7, Trigger: "manual", Node: "a"}
	copies := []found{
		copyOf("a", "/d/on-demand-a-1700000000.db", "on-demand-a-1700000000.db", v1alpha1.StateRestored, rich),
		copyOf("", "s3://b/on-demand-a-1700000000.db.zst", "on-demand-a-1700000000.db.zst", v1alpha1.StateComplete, v1alpha1.SnapshotFacts{Created: at}),
		copyOf("a", "s3://b/on-demand-a-1700000000.db.zst", "on-demand-a-1700000000.db.zst", v1alpha1.StateComplete, rich),
		copyOf("b", "/d/on-demand-a-1700000000.db", "on-demand-a-1700000000.db", v1alpha1.StateDamaged, rich),
	}
	rapid.Check(t, func(rt *rapid.T) {
		all := compile(rapid.Permutation(copies).Draw(rt, "order"))
		if len(all) != 1 {
			rt.Fatalf("%d snapshots", len(all))
		}
		for _, s := range all {
			if s.Status.State != v1alpha1.StateRestored || s.Status.Available != 2 || len(s.Status.Copies) != 3 {
				rt.Errorf("%+v", s.Status)
			}
			if diff := cmp.Diff(rich, s.Spec.SnapshotFacts); diff != "" || s.Spec.File != "on-demand-a-1700000000" {
				rt.Errorf("%s %s", s.Spec.File, diff)
			}
		}
	})
}

func TestForeignFilesOfOneRunAreOneBackup(t *testing.T) {
	foreign := func(node string, after time.Duration) found {
		created := metav1.NewTime(at.Add(after))
		file := "etcd-snapshot-" + node + "-" + strconv.FormatInt(created.Unix(), 10)
		return copyOf(node, "/s/"+file, file, v1alpha1.StateUnverified, v1alpha1.SnapshotFacts{Created: created, Node: node})
	}
	all := compile([]found{foreign("n1", 0), foreign("n2", 3*time.Second), foreign("n3", 4*time.Minute), foreign("n1", 5*time.Hour)})
	backups := map[string]int{}
	for _, s := range all {
		backups[s.Spec.Backup]++
	}
	if diff := cmp.Diff(map[string]int{"etcd-snapshot-1700000000": 3, "etcd-snapshot-1700018000": 1}, backups); diff != "" {
		t.Error(diff)
	}
}

func TestEffectiveSettingsHaveTheirDefaults(t *testing.T) {
	hours, kept := int32(3), int32(9)
	for name, test := range map[string]struct {
		spec v1alpha1.ClusterSpec
		want v1alpha1.MachineSnapshots
	}{
		"plain etcd": {
			v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd},
			v1alpha1.MachineSnapshots{Scheduler: "holdfast", Cron: "0 */5 * * *", Retention: 5, Verify: "restore", Jitter: &metav1.Duration{Duration: 2 * time.Minute}},
		},
		"off": {
			v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd, Etcd: v1alpha1.ClusterEtcd{DisableSnapshots: true}},
			v1alpha1.MachineSnapshots{Scheduler: "holdfast", Retention: 5, Verify: "restore"},
		},
		"k3s, its own scheduler": {
			v1alpha1.ClusterSpec{Distro: v1alpha1.DistroK3s},
			v1alpha1.MachineSnapshots{Scheduler: "distribution", Verify: "restore"},
		},
		"rke": {
			v1alpha1.ClusterSpec{Distro: v1alpha1.DistroRKE, Etcd: v1alpha1.ClusterEtcd{SnapshotScheduler: "holdfast"}},
			v1alpha1.MachineSnapshots{Scheduler: "holdfast", IntervalHours: 12, Retention: 6, Verify: "restore", Jitter: &metav1.Duration{Duration: 2 * time.Minute}},
		},
		"chosen": {
			v1alpha1.ClusterSpec{Distro: v1alpha1.DistroRKE, Etcd: v1alpha1.ClusterEtcd{
				SnapshotScheduler: "holdfast", SnapshotIntervalHours: &hours, SnapshotRetention: &kept, Verify: "content", S3: &v1alpha1.S3{Bucket: "b"},
			}},
			v1alpha1.MachineSnapshots{
				Scheduler: "holdfast", IntervalHours: 3, Retention: 9, Verify: "content", S3: &v1alpha1.S3{Bucket: "b", Retention: &kept},
				Jitter: &metav1.Duration{Duration: 2 * time.Minute},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, effective(&v1alpha1.Cluster{Spec: test.spec})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
