package manager

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// TestEnrolment tries on one manager what machines may do and what they may not.
func TestEnrolment(t *testing.T) {
	f := start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"AnAgentReachesItsOwnObjectsAndNoOthers", anAgentReachesItsOwnObjectsAndNoOthers},
		{"AJoinTokenWorksOnceAndForWhatItIsFor", aJoinTokenWorksOnceAndForWhatItIsFor},
		{"AGuessedSecretIsNotKnown", aGuessedSecretIsNotKnown},
		{"AReplacedMachineKeepsItsObjectsAndTheFormerKeyIsShutOut", aReplacedMachineKeepsItsObjectsAndTheFormerKeyIsShutOut},
		{"DeletingAMachineEndsAllItsAccess", deletingAMachineEndsAllItsAccess},
		{"AnIdentityIsItsOwnersAlone", anIdentityIsItsOwnersAlone},
		{"AMachineThatCantReachTheManagerGivesUpInTime", aMachineThatCantReachTheManagerGivesUpInTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.clock.set(0)
			test.run(t, f)
		})
	}
}

func anAgentReachesItsOwnObjectsAndNoOthers(t *testing.T, f *fixture) {
	f.mustJoin(t, "a2", v1alpha1.RoleWorker)
	agent := connect(t, f.mustJoin(t, "a1", v1alpha1.RoleEtcd).RESTConfig())
	for _, test := range []struct {
		what    string
		do      func() error
		allowed bool
	}{
		{"read its machine", func() error { return read(t, agent, &v1alpha1.Machine{}, "a1") }, true},
		{"read its inventory", func() error { return read(t, agent, &v1alpha1.MachineInventory{}, "a1") }, true},
		{"read its plan", func() error { return read(t, agent, &v1alpha1.MachinePlan{}, "a1") }, true},
		{"read its lease", func() error { return read(t, agent, &coordinationv1.Lease{}, "a1") }, true},
		{"read the S3 credentials", func() error { return read(t, agent, &corev1.Secret{}, "s3") }, true},
		{"report its status", func() error { return patchStatus(t, agent, &v1alpha1.Machine{}, "a1") }, true},
		{"report its inventory", func() error { return patchStatus(t, agent, &v1alpha1.MachineInventory{}, "a1") }, true},
		{"renew its lease", func() error { return patch(t, agent, &coordinationv1.Lease{}, "a1") }, true},
		{"watch its plan", func() error { return watch(t, agent, &v1alpha1.MachinePlanList{}, "a1") }, true},

		{"read another machine", func() error { return read(t, agent, &v1alpha1.Machine{}, "a2") }, false},
		{"read another's plan", func() error { return read(t, agent, &v1alpha1.MachinePlan{}, "a2") }, false},
		{"read another's lease", func() error { return read(t, agent, &coordinationv1.Lease{}, "a2") }, false},
		{"report another's status", func() error { return patchStatus(t, agent, &v1alpha1.Machine{}, "a2") }, false},
		{"change what is wanted of it", func() error { return patch(t, agent, &v1alpha1.Machine{}, "a1") }, false},
		{"change its plan", func() error { return patch(t, agent, &v1alpha1.MachinePlan{}, "a1") }, false},
		{"widen its role", func() error { return patch(t, agent, &rbacv1.Role{}, "agent-a1") }, false},
		{"read another secret", func() error { return read(t, agent, &corev1.Secret{}, "other") }, false},
		{"read the cluster", func() error { return read(t, agent, &v1alpha1.Cluster{}, "one") }, false},
		{"watch another's plan", func() error { return watch(t, agent, &v1alpha1.MachinePlanList{}, "a2") }, false},
		{"watch all plans", func() error { return watch(t, agent, &v1alpha1.MachinePlanList{}, "") }, false},
		{"list machines", func() error { return agent.List(t.Context(), &v1alpha1.MachineList{}, client.InNamespace("c-one")) }, false},
		{"list secrets", func() error { return agent.List(t.Context(), &corev1.SecretList{}, client.InNamespace("c-one")) }, false},
		{"create a machine", func() error {
			return agent.Create(t.Context(), &v1alpha1.MachinePlan{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: "a3"}})
		}, false},
	} {
		err := test.do()
		if test.allowed && err != nil || !test.allowed && !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v", test.what, err)
		}
	}
	worker := connect(t, f.mustJoin(t, "a3", v1alpha1.RoleWorker).RESTConfig())
	if err := read(t, worker, &corev1.Secret{}, "s3"); !apierrors.IsForbidden(err) {
		t.Errorf("a worker reads the S3 credentials: %v", err)
	}
}

func read(t *testing.T, c client.Client, object client.Object, name string) error {
	return c.Get(t.Context(), client.ObjectKey{Namespace: "c-one", Name: name}, object)
}

func named(object client.Object, name string) client.Object {
	object.SetNamespace("c-one")
	object.SetName(name)
	return object
}

var emptyPatch = client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"a":"b"}}}`))

func patch(t *testing.T, c client.Client, object client.Object, name string) error {
	return c.Patch(t.Context(), named(object, name), emptyPatch)
}

func patchStatus(t *testing.T, c client.Client, object client.Object, name string) error {
	return c.Status().Patch(t.Context(), named(object, name), emptyPatch)
}

// watch is satisfied with the first event: there is one, because a watch begins with what is there.
func watch(t *testing.T, c client.WithWatch, list client.ObjectList, name string) error {
	t.Helper()
	opts := []client.ListOption{client.InNamespace("c-one")}
	if name != "" {
		opts = append(opts, client.MatchingFields{"metadata.name": name})
	}
	w, err := c.Watch(t.Context(), list, opts...)
	if err != nil {
		return err
	}
	defer w.Stop()
	select {
	case <-w.ResultChan():
		return nil
	case <-time.After(time.Minute):
		return errors.New("no event in a minute")
	}
}

func aJoinTokenWorksOnceAndForWhatItIsFor(t *testing.T, f *fixture) {
	token, dir := f.invite(t, "", v1alpha1.RoleEtcd), t.TempDir()
	if _, err := f.join(t, dir, "b1", token); err != nil {
		t.Fatal(err)
	}
	if _, err := f.join(t, dir, "b1", token); err != nil {
		t.Errorf("the answer was lost, and the machine asks again: %v", err)
	}
	foreign := startForeignToken(t, f)
	ended := f.invite(t, "", v1alpha1.RoleEtcd)
	for _, test := range []struct {
		what, dir, machine string
		token              enroll.JoinToken
		clock              time.Duration
		want               string
	}{
		{"somebody else uses it", t.TempDir(), "b2", token, 0, "used already, by machine b1"},
		{"the same machine joins under another name", dir, "b2", token, 0, "used already, by machine b1"},
		{"it has ended", t.TempDir(), "b2", ended, time.Hour + time.Minute, "the join token ended at"},
		{"it is another manager's", t.TempDir(), "b2", foreign, 0, "not the manager that made the join token"},
		{"the name is taken", t.TempDir(), "b1", f.invite(t, "", v1alpha1.RoleEtcd), 0, "there already, with another key"},
		{"it may replace another", t.TempDir(), "b1", f.invite(t, "b9", v1alpha1.RoleEtcd), 0, "there already, with another key"},
		{"it is for another role", t.TempDir(), "b1", f.invite(t, "b1", v1alpha1.RoleWorker), 0, "has roles [etcd] and the join token is for [worker]"},
		{"the name is none", t.TempDir(), "...", f.invite(t, "", v1alpha1.RoleEtcd), 0, "can't be a machine's name"},
	} {
		f.clock.set(test.clock)
		_, err := f.join(t, test.dir, test.machine, test.token)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; it should say %q", test.what, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.Split(test.token.Text(), ":")[4]) {
			t.Errorf("%s: the secret is in the error", test.what)
		}
	}
}

// startForeignToken returns a token whose CA hash is not this manager's.
func startForeignToken(t *testing.T, f *fixture) enroll.JoinToken {
	t.Helper()
	token := f.invite(t, "", v1alpha1.RoleEtcd)
	token.CAHash = strings.Repeat("0f", 32)
	return token
}

func aGuessedSecretIsNotKnown(t *testing.T, f *fixture) {
	token := f.invite(t, "", v1alpha1.RoleEtcd)
	parts := strings.Split(token.Text(), ":")
	parts[4] = "guess"
	guess, err := enroll.ParseJoinToken(strings.Join(parts, ":"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.join(t, t.TempDir(), "c1", guess); err == nil || !strings.Contains(err.Error(), "not known here") {
		t.Errorf("got %v", err)
	}
	if _, err := f.join(t, t.TempDir(), "c1", token); err != nil {
		t.Errorf("the guess has spoilt the token: %v", err)
	}
}

func aReplacedMachineKeepsItsObjectsAndTheFormerKeyIsShutOut(t *testing.T, f *fixture) {
	former := f.mustJoin(t, "d1", v1alpha1.RoleEtcd)
	formerAPI := connect(t, former.RESTConfig())
	var before, after v1alpha1.Machine
	if err := read(t, formerAPI, &before, "d1"); err != nil {
		t.Fatal(err)
	}
	latter, err := f.join(t, t.TempDir(), "d1", f.invite(t, "d1", v1alpha1.RoleEtcd))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(t, connect(t, latter.RESTConfig()), &after, "d1"); err != nil || before.UID != after.UID {
		t.Errorf("machine %s is now %s: %v", before.UID, after.UID, err)
	}
	if err := former.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "has another key now") {
		t.Errorf("the former key renews: %v", err)
	}
	eventually(t, "the former key's token is refused", func() bool {
		return read(t, formerAPI, &v1alpha1.Machine{}, "d1") != nil
	})
}

func deletingAMachineEndsAllItsAccess(t *testing.T, f *fixture) {
	token, dir := f.invite(t, "", v1alpha1.RoleEtcd), t.TempDir()
	agent, err := f.join(t, dir, "e1", token)
	if err != nil {
		t.Fatal(err)
	}
	api := connect(t, agent.RESTConfig())
	if err := read(t, api, &v1alpha1.Machine{}, "e1"); err != nil {
		t.Fatal(err)
	}
	if err := f.administrator(t).Delete(t.Context(), named(&v1alpha1.Machine{}, "e1")); err != nil {
		t.Fatal(err)
	}
	if err := agent.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "was deleted") {
		t.Errorf("it renews: %v", err)
	}
	if _, err := f.join(t, dir, "e1", token); err == nil || !strings.Contains(err.Error(), "was deleted") {
		t.Errorf("it joins again with its old token: %v", err)
	}
	eventually(t, "the S3 credentials are out of reach", func() bool {
		return read(t, api, &corev1.Secret{}, "s3") != nil
	})
	eventually(t, "everything of it is gone", func() bool {
		return apierrors.IsNotFound(read(t, f.all, &corev1.ServiceAccount{}, "agent-e1")) &&
			apierrors.IsNotFound(read(t, f.all, &v1alpha1.MachinePlan{}, "e1")) &&
			apierrors.IsNotFound(read(t, f.all, &coordinationv1.Lease{}, "e1"))
	})
	again, err := f.join(t, dir, "e1", f.invite(t, "", v1alpha1.RoleEtcd))
	if err != nil {
		t.Fatalf("with a token of its own it can come back: %v", err)
	}
	if err := read(t, connect(t, again.RESTConfig()), &corev1.Secret{}, "s3"); err != nil {
		t.Error(err)
	}
}

// TestAMachineThatWasOffForLongRenewsItself: its certificate ended a month ago.
func TestAMachineThatWasOffForLongRenewsItself(t *testing.T) {
	const day = 24 * time.Hour
	c := &clock{}
	c.set(-400 * day)
	f := startIn(t, t.TempDir(), c)
	c.set(0)
	f.addCluster(t)
	tokens := []enroll.JoinToken{f.invite(t, "", v1alpha1.RoleEtcd), f.invite(t, "", v1alpha1.RoleEtcd)}
	c.set(-400 * day)
	agent, err := f.join(t, t.TempDir(), "node1", tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	late, err := f.join(t, t.TempDir(), "node2", tokens[1])
	if err != nil {
		t.Fatal(err)
	}
	c.set(0)
	if !agent.RenewalDue() {
		t.Error("it does not know that it has to renew")
	}
	if err := agent.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if agent.RenewalDue() || agent.Certificate().Leaf.NotAfter.Before(time.Now().Add(364*day)) {
		t.Errorf("its certificate ends %v", agent.Certificate().Leaf.NotAfter)
	}
	if err := read(t, connect(t, agent.RESTConfig()), &v1alpha1.Machine{}, "node1"); err != nil {
		t.Error(err)
	}
	if err := read(t, connect(t, late.RESTConfig()), &v1alpha1.Machine{}, "node2"); err != nil {
		t.Errorf("it gets tokens before it renews: %v", err)
	}
	c.set(60 * day)
	if err := late.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate is not good") {
		t.Errorf("it renews more than 90 days after the end: %v", err)
	}
}

func anIdentityIsItsOwnersAlone(t *testing.T, f *fixture) {
	dir := filepath.Join(t.TempDir(), "identity")
	if _, err := enroll.Open(dir, f.clock.now); !errors.Is(err, enroll.ErrNotJoined) {
		t.Errorf("before it joins: %v", err)
	}
	agent, err := f.join(t, dir, "Node_1", f.invite(t, "", v1alpha1.RoleEtcd))
	if err != nil {
		t.Fatal(err)
	}
	if got := agent.Membership(); got.Machine != "node-1" || got.Cluster != "one" || got.Namespace != "c-one" {
		t.Errorf("it is %+v", got)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		if info, _ := file.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", file.Name(), info.Mode())
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
}

func aMachineThatCantReachTheManagerGivesUpInTime(t *testing.T, f *fixture) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := enroll.Join(ctx, enroll.JoinConfig{
		Dir: t.TempDir(), Server: "https://127.0.0.1:1", Token: f.invite(t, "", v1alpha1.RoleEtcd).Text(), Machine: "a", Now: time.Now,
	})
	if err == nil {
		t.Error("it joined nobody")
	}
}
