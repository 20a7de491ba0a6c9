package controller

import (
	"testing"

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
