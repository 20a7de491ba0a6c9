package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/operation"
)

func TestASpecBecomesWhatARestoreBroughtBack(t *testing.T) {
	config, other := &runtime.RawExtension{Raw: []byte(`{"debug":"true"}`)}, &runtime.RawExtension{Raw: []byte(`{}`)}
	selected := []v1alpha1.MachineSelectorConfig{{Config: *other}}
	for name, test := range map[string]struct {
		becomes    operation.Becomes
		spec, want v1alpha1.ClusterSpec
	}{
		"nothing came back": {operation.Becomes{InitMachine: "a"}, v1alpha1.ClusterSpec{KubernetesVersion: "v1.36.1+k3s1"}, v1alpha1.ClusterSpec{KubernetesVersion: "v1.36.1+k3s1"}},
		"the version":       {operation.Becomes{KubernetesVersion: "v1.35.2+k3s1"}, v1alpha1.ClusterSpec{}, v1alpha1.ClusterSpec{KubernetesVersion: "v1.35.2+k3s1"}},
		"the configuration": {operation.Becomes{Config: config}, v1alpha1.ClusterSpec{}, v1alpha1.ClusterSpec{Config: &v1alpha1.ClusterConfig{MachineGlobalConfig: config}}},
		"what is selected stays": {
			operation.Becomes{Config: config},
			v1alpha1.ClusterSpec{Config: &v1alpha1.ClusterConfig{MachineGlobalConfig: other, MachineSelectorConfig: selected}},
			v1alpha1.ClusterSpec{Config: &v1alpha1.ClusterConfig{MachineGlobalConfig: config, MachineSelectorConfig: selected}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if become(&test.spec, test.becomes); !cmp.Equal(test.want, test.spec) {
				t.Error(cmp.Diff(test.want, test.spec))
			}
		})
	}
}

func TestTheInitMachineIsTheFirstServerUntilARestoreSaysOtherwise(t *testing.T) {
	machine := func(name string, joins string, roles ...v1alpha1.Role) v1alpha1.Machine {
		m := v1alpha1.Machine{Spec: v1alpha1.MachineSpec{Roles: roles}}
		m.Name, m.Status.Distribution = name, &v1alpha1.DistributionStatus{JoinURL: "https://" + name + ":6443", Joins: joins}
		return m
	}
	s := &situation{machines: []v1alpha1.Machine{
		machine("a", "https://b:6443", v1alpha1.RoleEtcd), machine("b", "", v1alpha1.RoleEtcd), machine("w", "", v1alpha1.RoleWorker),
	}}
	for present, want := range map[string]string{"": "b", "gone": "b", "a": "a", "w": "b"} {
		if got := s.initMachine(present); got != want {
			t.Errorf("after %q it is %q, not %q", present, got, want)
		}
	}
}
