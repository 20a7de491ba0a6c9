package controlplane_test

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/server/controlplane"
)

func TestEachRoleMayDoWhatItSaysAndNoMore(t *testing.T) {
	p := start(t)
	bind(t, p, "holdfast-viewer", "holdfast-operator", "holdfast-admin")
	const (
		save       = "apiVersion: holdfast.dev/v1alpha1\nkind: EtcdSnapshotSave\nmetadata: {name: one, namespace: default}\nspec: {}"
		deleteTask = task + "  {action: delete, snapshots: [a]}"
		planned    = restore + "  source: {latestProven: true}"
	)
	for _, test := range []struct {
		role, what, object string
		allowed            bool
	}{
		{"holdfast-viewer", "take a snapshot", save, false},
		{"holdfast-viewer", "restore", planned, false},
		{"holdfast-viewer", "create a cluster", cluster, false},
		{"holdfast-operator", "take a snapshot", save, true},
		{"holdfast-operator", "restore", planned, true},
		{"holdfast-operator", "verify", task + "  {action: verify, snapshots: [a]}", true},
		{"holdfast-operator", "delete bytes", deleteTask, false},
		{"holdfast-operator", "create a cluster", cluster, false},
		{"holdfast-admin", "create a cluster", cluster, true},
		{"holdfast-admin", "delete bytes", deleteTask, true},
		{"holdfast-admin", "restore", planned, true},
	} {
		err := connectAs(t, p, test.role).create(t.Context(), test.object)
		switch {
		case test.allowed && err != nil:
			t.Errorf("%s can't %s: %v", test.role, test.what, err)
		case !test.allowed && !apierrors.IsForbidden(err):
			t.Errorf("%s may %s: %v", test.role, test.what, err)
		}
	}
	if err := connectAs(t, p, "holdfast-operator").create(t.Context(), deleteTask); err == nil || !strings.Contains(err.Error(), "the right to delete etcdsnapshots") {
		t.Errorf("an operator who deletes bytes is told %v", err)
	}
}

func TestOnlyAnAdminReadsSecrets(t *testing.T) {
	p := start(t)
	bind(t, p, "holdfast-viewer", "holdfast-operator", "holdfast-admin")
	for role, allowed := range map[string]bool{"holdfast-viewer": false, "holdfast-operator": false, "holdfast-admin": true} {
		client, err := kubernetes.NewForConfig(as(p.Loopback, role))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
		if allowed && err != nil || !allowed && !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// TestTheDistributionsScheduleIsNotEditedBehindIt: schedule and retention show what was observed until somebody chooses
// Holdfast's scheduler.
func TestTheDistributionsScheduleIsNotEditedBehindIt(t *testing.T) {
	p := start(t)
	bind(t, p, "holdfast-admin")
	admin := connectAs(t, p, "holdfast-admin")
	mirrored := strings.Replace(k3s, "snapshotScheduler: holdfast", `snapshotScheduleCron: "0 */12 * * *"`, 1)
	err := admin.create(t.Context(), mirrored)
	if err == nil || !strings.Contains(err.Error(), "spec.etcd.snapshotScheduleCron can't be changed while the distribution takes the snapshots: choose snapshotScheduler holdfast first") {
		t.Errorf("an admin is told %v", err)
	}
	if err := connect(t, p).create(t.Context(), mirrored); err != nil {
		t.Errorf("Holdfast itself: %v", err)
	}
	if err := admin.create(t.Context(), k3s+`    snapshotScheduleCron: "0 */12 * * *"`); err != nil {
		t.Errorf("with Holdfast's scheduler: %v", err)
	}
}

// bind gives each role to a user of its name.
func bind(t *testing.T, p *controlplane.ControlPlane, roles ...string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(p.Loopback)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles {
		_, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbac.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role},
			RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: role}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the rights are in force", func() bool {
		admin, err := kubernetes.NewForConfig(as(p.Loopback, roles[len(roles)-1]))
		if err != nil {
			t.Fatal(err)
		}
		_, err = admin.CoreV1().Namespaces().Get(t.Context(), v1.NamespaceDefault, metav1.GetOptions{})
		return err == nil
	})
}

func as(config *rest.Config, user string) *rest.Config {
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	return config
}

func connectAs(t *testing.T, p *controlplane.ControlPlane, user string) api {
	t.Helper()
	return connectTo(t, as(p.Loopback, user))
}
