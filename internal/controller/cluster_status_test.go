package controller

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestOneMachineThatTellsOfTheManagersKubernetesIsEnough(t *testing.T) {
	const home, other = "ours", "another"
	for name, test := range map[string]struct {
		told []string // by each machine; "-": it has no etcd
		want string
	}{
		"none tells":              {[]string{"-", ""}, ""},
		"another":                 {[]string{other, "", other}, other},
		"ours, told by the first": {[]string{home, other, "-"}, home},
		"ours, told by the last":  {[]string{other, "", home}, home},
	} {
		s := &situation{clusters: &clusters{kit: &kit{Config: Config{Home: home}}}}
		for _, uid := range test.told {
			m := v1alpha1.Machine{}
			if uid != "-" {
				m.Status.Etcd = &v1alpha1.EtcdMember{KubernetesUID: uid}
			}
			s.machines = append(s.machines, m)
		}
		if got := s.kubernetesUID(); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheNewestSnapshotIsTheSameInWhateverOrderTheyAreListed(t *testing.T) {
	at := func(name string, seconds int64, state v1alpha1.SnapshotState, available int32) v1alpha1.EtcdSnapshot {
		return v1alpha1.EtcdSnapshot{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.EtcdSnapshotSpec{SnapshotFacts: v1alpha1.SnapshotFacts{Created: metav1.NewTime(time.Unix(seconds, 0))}},
			Status:     v1alpha1.EtcdSnapshotStatus{State: state, Available: available},
		}
	}
	all := []v1alpha1.EtcdSnapshot{
		at("old", 1, v1alpha1.StateComplete, 1), at("b", 2, v1alpha1.StateComplete, 1), at("a", 2, v1alpha1.StateChecked, 1),
		at("c", 2, v1alpha1.StateRestored, 1), at("damaged", 3, v1alpha1.StateFailed, 1), at("gone", 3, v1alpha1.StateComplete, 0),
	}
	for i := range all {
		s := &situation{snapshots: slices.Concat(all[i:], all[:i])}
		for range 2 {
			if got := s.newest(complete); got == nil || got.Name != "a" {
				t.Errorf("from %s on: %+v", s.snapshots[0].Name, got)
			}
			slices.Reverse(s.snapshots)
		}
	}
}
