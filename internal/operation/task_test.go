package operation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

func tasks(w *world, task *v1alpha1.EtcdSnapshotTask, limit time.Duration) {
	task.Name, task.UID = "one", uid
	w.settle(func() bool {
		status, d := DecideTask(task, w.observe())
		if cmp.Diff(status, task.Status) != "" {
			if w.stored() {
				task.Status = clone(status)
			}
			return true
		}
		w.apply(v1alpha1.PlanOperation{Kind: "EtcdSnapshotTask", Name: task.Name, UID: uid}, d)
		return len(d.Plans) > 0 || d.Lock != LockKeep
	}, limit)
}

// stored is a snapshot with copies on machines, and in S3.
func stored(name string, machines ...string) v1alpha1.EtcdSnapshot {
	s := v1alpha1.EtcdSnapshot{Spec: v1alpha1.EtcdSnapshotSpec{File: name + ".db"}}
	s.Name, s.Status.State = name, v1alpha1.StateChecked
	for _, m := range machines {
		c := v1alpha1.SnapshotCopy{Location: "/snapshots/" + name, Machine: m}
		if m == "s3" {
			c = v1alpha1.SnapshotCopy{Location: "s3://b/" + name}
		}
		c.State = v1alpha1.StateChecked
		s.Status.Copies = append(s.Status.Copies, c)
	}
	return s
}

func TestATaskEndsAsWhatWasTriedDoes(t *testing.T) {
	for name, test := range map[string]struct {
		spec    v1alpha1.EtcdSnapshotTaskSpec
		prepare func(*world)
		phase   v1alpha1.Phase
		says    string
		results []string
	}{
		"verify all copies": {
			v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskVerify, Snapshots: []string{"one"}}, nil,
			v1alpha1.PhaseFinished, "verify: 3 of 3 passed",
			[]string{"a /snapshots/one passed", "b /snapshots/one passed", "b s3://b/one passed"},
		},
		"delete, one machine down": {
			v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskDelete, Snapshots: []string{"one"}},
			func(w *world) { w.nodes["a"].down = true },
			v1alpha1.PhaseFailed, "a: /snapshots/one: it has not been heard of",
			[]string{"a /snapshots/one failed", "b /snapshots/one passed", "b s3://b/one passed"},
		},
		"unknown": {
			v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskVerify, Snapshots: []string{"two"}}, nil,
			v1alpha1.PhaseFailed, "there is no such EtcdSnapshot", []string{"- two failed"},
		},
		"on one machine": {
			v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskVerify, Snapshots: []string{"one"}, Machines: []string{"a"}}, nil,
			v1alpha1.PhaseFinished, "2 of 2 passed", []string{"a /snapshots/one passed", "a s3://b/one passed"},
		},
		"target": {
			v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskTestTarget}, nil,
			v1alpha1.PhaseFinished, "6 of 6 passed", nil,
		},
		"a machine fails": {
			v1alpha1.EtcdSnapshotTaskSpec{Action: v1alpha1.TaskTestTarget, Machines: []string{"c"}},
			func(w *world) { w.nodes["c"].do[step.TestTarget] = func() (any, error) { return nil, errModel } },
			v1alpha1.PhaseFailed, "c: the model says no", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a", "b", "c")
			w.catalog = []v1alpha1.EtcdSnapshot{stored("one", "a", "b", "s3")}
			if test.prepare != nil {
				test.prepare(w)
			}
			task := &v1alpha1.EtcdSnapshotTask{Spec: test.spec}
			tasks(w, task, 4*time.Hour)
			if task.Status.Phase != test.phase || !strings.Contains(task.Status.Message, test.says) {
				t.Errorf("%s: %s", task.Status.Phase, task.Status.Message)
			}
			var results []string
			for _, r := range task.Status.Results {
				results = append(results, r.Machine+" "+r.Subject+" "+r.Outcome)
			}
			if diff := cmp.Diff(test.results, results); test.results != nil && diff != "" {
				t.Error(diff)
			}
			if w.holder != nil {
				t.Error("the lock is still held")
			}
		})
	}
}

func TestTheKeysOfATargetMayBeReadWhileItIsTriedAndNoLonger(t *testing.T) {
	for name, test := range map[string]struct{ cluster, target, secret string }{
		"the cluster's own": {"s3-credentials", "s3-credentials", ""},
		"others":            {"s3-credentials", "s3-test-1", "s3-test-1"},
		"none":              {"s3-credentials", "", ""},
		"the first":         {"", "s3-test-1", "s3-test-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a")
			if test.cluster != "" {
				w.cluster.Spec.Etcd.S3 = &v1alpha1.S3{CredentialSecretName: test.cluster}
			}
			task := &v1alpha1.EtcdSnapshotTask{Spec: v1alpha1.EtcdSnapshotTaskSpec{
				Action: v1alpha1.TaskTestTarget, S3: &v1alpha1.S3{Bucket: "b", CredentialSecretName: test.target},
			}}
			named := "no plan was made"
			w.nodes["a"].do[step.TestTarget] = func() (any, error) {
				named = w.nodes["a"].Plan.Spec.Operation.SecretName
				return step.TaskEvidence{}, nil
			}
			tasks(w, task, 4*time.Hour)
			if named != test.secret {
				t.Errorf("the plan names %q", named)
			}
			if op := w.nodes["a"].Plan.Spec.Operation; op != nil && op.SecretName != "" {
				t.Errorf("the Secret %s may still be read", op.SecretName)
			}
		})
	}
}
