package controller_test

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/controller"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// TestAnAgentMayReadTheCredentialsOfItsClustersTargetAndNoOthers: the right follows the Cluster's specification.
func TestAnAgentMayReadTheCredentialsOfItsClustersTargetAndNoOthers(t *testing.T) {
	b := newBench(t, controller.Config{Targets: &folder{}})
	c := b.cluster("one", plain, "a")
	m := &v1alpha1.Machine{ObjectMeta: in(c.Namespace, "a")}
	if !b.get(m) {
		t.Fatal("the machine is not there")
	}
	role := &rbacv1.Role{ObjectMeta: in(c.Namespace, enroll.AgentName("a")), Rules: enroll.AgentRules(m, "", "")}
	role.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(m, v1alpha1.GroupVersion().WithKind("Machine"))}
	b.create(role)
	for _, secret := range []string{"first", "second", ""} {
		b.eventually("the cluster is changed", func() bool {
			if !b.get(c) {
				return false
			}
			c.Spec.Etcd.S3 = &v1alpha1.S3{Bucket: "bucket", Endpoint: "s3.example.com", CredentialSecretName: secret}
			return b.client.Update(t.Context(), c) == nil
		})
		b.eventually("the right is "+secret, func() bool { return b.get(role) && slices.Equal(secrets(role), names(secret)) })
	}
}

func names(secret string) []string {
	if secret == "" {
		return nil
	}
	return []string{secret}
}

// secrets that a role lets read.
func secrets(role *rbacv1.Role) (list []string) {
	for _, r := range role.Rules {
		if slices.Contains(r.Resources, "secrets") {
			list = append(list, r.ResourceNames...)
		}
	}
	return list
}

func TestExpiredJoinTokensAreRemovedAndOthersStay(t *testing.T) {
	b := newBench(t, controller.Config{})
	b.stopControllers()
	for name, expires := range map[string]time.Time{"join-old": time.Now().Add(-2 * time.Hour), "join-late": time.Now().Add(-time.Minute), "join-new": time.Now().Add(time.Hour)} {
		b.create(&corev1.Secret{
			ObjectMeta: in("default", name), Type: enroll.JoinTokenType,
			StringData: map[string]string{"expires": expires.UTC().Format(time.RFC3339)},
		})
	}
	b.create(&corev1.Secret{ObjectMeta: in("default", "other"), StringData: map[string]string{"expires": "2001-01-01T00:00:00Z"}})
	b.startControllers()
	b.eventually("the old one is gone", func() bool { return !b.get(&corev1.Secret{ObjectMeta: in("default", "join-old")}) })
	for _, name := range []string{"join-late", "join-new", "other"} {
		if !b.get(&corev1.Secret{ObjectMeta: in("default", name)}) {
			t.Errorf("%s is gone", name)
		}
	}
}

// TestAnAgentMayReadTheSecretOfAnOperationWhileItsPlanNamesIt: before and after that, and on other machines, it may not.
func TestAnAgentMayReadTheSecretOfAnOperationWhileItsPlanNamesIt(t *testing.T) {
	b := newBench(t, controller.Config{})
	c := b.cluster("one", plain, "a", "b")
	roles := map[string]*rbacv1.Role{}
	for _, name := range []string{"a", "b"} {
		m := &v1alpha1.Machine{ObjectMeta: in(c.Namespace, name)}
		if !b.get(m) {
			t.Fatal("the machine is not there")
		}
		roles[name] = &rbacv1.Role{ObjectMeta: in(c.Namespace, enroll.AgentName(name)), Rules: enroll.AgentRules(m, "", "")}
		roles[name].OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(m, v1alpha1.GroupVersion().WithKind("Machine"))}
		b.create(roles[name])
	}
	for _, secret := range []string{"first", "second", ""} {
		b.eventually("the plan is changed", func() bool {
			plan := &v1alpha1.MachinePlan{ObjectMeta: in(c.Namespace, "a")}
			if !b.get(plan) {
				return false
			}
			plan.Spec.Serial++
			plan.Spec.Operation = nil
			if secret != "" {
				plan.Spec.Operation = &v1alpha1.PlanOperation{Kind: "EtcdSnapshotRestore", Name: "r", UID: "u1", SecretName: secret}
			}
			return b.client.Update(t.Context(), plan) == nil
		})
		b.eventually("the right is "+secret, func() bool { return b.get(roles["a"]) && slices.Equal(secrets(roles["a"]), names(secret)) })
		if got := secrets(roles["b"]); !b.get(roles["b"]) || len(got) > 0 {
			t.Errorf("another machine may read %v", got)
		}
	}
}
