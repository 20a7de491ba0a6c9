package restoring_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// owned is a driver whose etcd runs as a user of its own.
type owned struct {
	distro.Driver
	owner distro.Owner
}

func (o owned) Belongings(ctx context.Context) ([]distro.Belonging, error) {
	all, err := o.Driver.Belongings(ctx)
	for i := range all {
		all[i].Owner, all[i].Mode = &o.owner, 0o700
	}
	return all, err
}

// otherUser is one that files can be given to: root can choose.
func otherUser() distro.Owner {
	if os.Getuid() == 0 {
		return distro.Owner{UID: 12345, GID: 12346}
	}
	return distro.Owner{UID: os.Getuid(), GID: os.Getgid()}
}

func TestADataDirectoryThatWasLostComesBackWithTheUserOfEtcd(t *testing.T) {
	world := etcdtest.New(t) // it never ran
	world.Data = filepath.Join(t.TempDir(), "gone", "data")
	world.Command[4] = world.Data
	owner := otherUser()
	m := &restoring.Machine{
		Driver: owned{world.Driver(), owner}, Name: "m1", StateDir: world.State, SpoolDir: world.State, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	j, err := step.Open(filepath.Join(world.State, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	var results []v1alpha1.PlanResult
	r := step.NewRunner(step.RunnerConfig{
		Journal: j, Make: m.Make, Now: time.Now, Log: m.Log, Report: func(_ int64, told []v1alpha1.PlanResult) { results = told },
	})
	joins, err := json.Marshal(step.AdmitEvidence{ClusterID: "cdf818194e3a8c32", MemberID: "8e9e05c52194694d"})
	if err != nil {
		t.Fatal(err)
	}
	plan := v1alpha1.MachinePlanSpec{Serial: 1, Operation: &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: "u1"}}
	for _, kind := range []step.Kind{step.Fence, step.StopDistro, step.MoveAside, step.JoinEtcd} {
		one := v1alpha1.PlanStep{ID: string(kind), Kind: string(kind), Deadline: metav1.NewTime(time.Now().Add(time.Minute))}
		if kind == step.JoinEtcd {
			one.Settings = &runtime.RawExtension{Raw: joins}
		}
		plan.Steps = append(plan.Steps, one)
	}
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, res := range results {
		if res.Outcome != v1alpha1.StepDone {
			t.Fatalf("%s is %s: %s", res.ID, res.Outcome, res.Message)
		}
	}
	for _, path := range []string{world.Data, filepath.Join(world.Data, "member"), filepath.Join(world.Data, "member", "wal")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		if got := (distro.Owner{UID: int(stat.Uid), GID: int(stat.Gid)}); got != owner || info.Mode().Perm() != 0o700 {
			t.Errorf("%s belongs to %+v, mode %o", path, got, info.Mode().Perm())
		}
	}
	plan.Serial, plan.Undo = 2, true
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(world.Data); !os.IsNotExist(err) {
		t.Errorf("the directory is there after the undo: %v", err)
	}
}
