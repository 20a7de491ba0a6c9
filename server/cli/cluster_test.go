package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestClustersAreCreatedListedChangedAndDeleted(t *testing.T) {
	l := start(t)
	l.golden("cluster-ls-empty", l.run("cluster", "ls").must(t, 0).out)

	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=correct-horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.golden("cluster-create", l.run("cluster", "create", "prod", "--distro", "etcd", "--cron", "0 */2 * * *", "--retention", "7",
		"--target", "s3://backups/prod", "--s3-endpoint", "10.0.0.9:9000", "--s3-credentials-file", keys).must(t, 0).out)
	var secret core.Secret
	if err := l.client.Get(t.Context(), client.ObjectKey{Namespace: "prod", Name: "s3-credentials"}, &secret); err != nil {
		t.Fatal(err)
	}
	if string(secret.Data["secretKey"]) != "correct-horse" || len(secret.OwnerReferences) != 1 {
		t.Errorf("the Secret has %d owners", len(secret.OwnerReferences))
	}

	t.Run("what is invalid leaves nothing behind", func(t *testing.T) {
		l.run("cluster", "create", "bad", "--distro", "etcd", "--cron", "every tuesday").must(t, 2).says(t, "spec.etcd.snapshotScheduleCron")
		l.run("cluster", "create", "prod", "--distro", "etcd").must(t, 3).says(t, "it exists already")
		l.run("cluster", "create", "x").must(t, 2).says(t, "--distro")
		l.run("cluster", "get", "bad").must(t, 5).says(t, "there is prod")
		var space core.Namespace
		if err := l.client.Get(t.Context(), client.ObjectKey{Name: "bad"}, &space); err == nil && space.DeletionTimestamp == nil {
			t.Error("the namespace stays")
		}
	})

	observe(l, "prod")
	l.put(&core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lab"}}, &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: "fresh", Namespace: "lab"}, Spec: v1alpha1.ClusterSpec{Distro: v1alpha1.DistroK3s},
	})
	l.golden("cluster-ls", l.run("cluster", "ls").must(t, 0).out)
	l.golden("cluster-get", l.run("cluster", "get", "prod").must(t, 0).out)
	l.run("cluster", "ls", "-n", "lab", "-o", "name").must(t, 0).says(t, "fresh")
	l.run("cluster", "get", "prod", "-o", "json").must(t, 0).says(t, `"kind": "Cluster"`, `"apiVersion": "holdfast.dev/v1alpha1"`, `"snapshotRetention": 7`)
	l.run("cluster", "ls", "-o", "yaml").must(t, 0).says(t, "kind: List", "kind: Cluster")
	l.run("__complete", "cluster", "get", "").must(t, 0).says(t, "prod\tetcd", "fresh\tk3s")

	t.Run("two of one name are told apart by namespace", func(t *testing.T) {
		l.put(&v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "prod", Namespace: "lab"}, Spec: v1alpha1.ClusterSpec{Distro: v1alpha1.DistroK3s}})
		l.run("cluster", "get", "prod").must(t, 2).says(t, "in the namespaces lab, prod", "-n lab")
		l.run("cluster", "get", "prod", "-n", "lab").must(t, 0).says(t, "k3s")
		l.run("cluster", "delete", "prod", "-n", "lab", "--yes").must(t, 0)
	})

	t.Run("edit takes what the editor made, and shows what is refused", func(t *testing.T) {
		env := func(editor string) said {
			return runIn(t.Context(), map[string]string{"KUBECONFIG": l.kubeconfig, "EDITOR": editor}, "", "cluster", "edit", "prod")
		}
		env("sed -i s/'snapshotRetention: 7'/'snapshotRetention: 9'/").must(t, 0).says(t, "keeps 9")
		env("true").must(t, 0).says(t, "Nothing was changed.")
		env("false").must(t, 1).says(t, "run the editor")
		env("sed -i s/'distro: etcd'/'distro: k3s'/").must(t, 2).says(t, "the distro can't be changed")
	})

	t.Run("a status that changes while the editor is open is no conflict, a spec that does is one", func(t *testing.T) {
		for level, code := range map[string]int{"content": 0, "restore": 3} {
			setLevel(l, "checksum")
			dir := t.TempDir()
			if err := syscall.Mkfifo(filepath.Join(dir, "done"), 0o600); err != nil {
				t.Fatal(err)
			}
			editor := "edit() { touch " + dir + "/open; cat " + dir + "/done; sed -i 's/verify: .*/verify: " + level + "/' \"$1\"; }; edit"
			c := l.beginIn(t.Context(), map[string]string{"KUBECONFIG": l.kubeconfig, "EDITOR": editor}, "", "cluster", "edit", "prod")
			eventually(t, "the editor is open", func() bool { _, err := os.Stat(filepath.Join(dir, "open")); return err == nil })
			observe(l, "prod")
			if code != 0 {
				setLevel(l, "content")
			}
			if err := os.WriteFile(filepath.Join(dir, "done"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			c.ends(code)
		}
	})

	t.Run("a deletion asks, and tells what stays", func(t *testing.T) {
		l.answer("wrong\n", "cluster", "delete", "prod").must(t, 3).says(t, "Every snapshot stays where it is")
		l.answer("", "cluster", "delete", "prod").must(t, 3).says(t, "--yes")
		l.answer("prod\n", "cluster", "delete", "prod").must(t, 0)
		err := l.client.Get(t.Context(), client.ObjectKey{Namespace: "prod", Name: "prod"}, &v1alpha1.Cluster{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("got %v", err)
		}
	})
}

// setLevel changes the spec of cluster prod.
func setLevel(l *lab, level string) {
	l.t.Helper()
	env := map[string]string{"KUBECONFIG": l.kubeconfig, "EDITOR": "sed -i 's/verify: .*/verify: " + level + "/'"}
	runIn(l.t.Context(), env, "", "cluster", "edit", "prod").must(l.t, 0)
}

// observe writes a cluster's status as the controller would.
func observe(l *lab, name string) {
	l.t.Helper()
	var c v1alpha1.Cluster
	if err := l.client.Get(l.t.Context(), client.ObjectKey{Namespace: name, Name: name}, &c); err != nil {
		l.t.Fatal(err)
	}
	c.Status = v1alpha1.ClusterStatus{
		ID: "c-9dmxz", Machines: v1alpha1.MachineCount{Total: 3, Etcd: 3, Answering: 2},
		Observed:           v1alpha1.Observed{EtcdVersion: "3.6.7"},
		ObservedGeneration: c.Status.ObservedGeneration + 1,
		LastComplete:       &v1alpha1.SnapshotReference{Name: "etcd-snapshot-n1-1795312800.db-1a2b", File: "etcd-snapshot-n1-1795312800.db", Created: *ago(time.Hour)},
		NextSnapshot:       &metav1.Time{Time: now.Add(47 * time.Minute)},
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ClusterReady, Status: metav1.ConditionFalse, Reason: "MemberDown", Message: "n3 does not answer", LastTransitionTime: *ago(time.Hour)},
			{Type: v1alpha1.ClusterProtected, Status: metav1.ConditionTrue, Reason: "Fresh", LastTransitionTime: *ago(time.Hour)},
		},
	}
	if err := l.client.Status().Update(l.t.Context(), &c); err != nil {
		l.t.Fatal(err)
	}
}

func TestWhatKeepsACommandFromTheManagerIsToldWithTheNextStep(t *testing.T) {
	l := start(t)
	l.run("cluster", "create", "prod", "--distro", "etcd").must(t, 0)
	dir := t.TempDir()
	write := func(name string, change func(text string) string) string {
		data, err := os.ReadFile(l.kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(change(string(data))), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := l.plane.Loopback.BearerToken
	for _, test := range []struct {
		name, kubeconfig string
		code             int
		says             []string
	}{
		{"an expired token", write("token", func(s string) string { return strings.ReplaceAll(s, token, "expired") }), 7, []string{"it does not accept the credential in", "ask an administrator"}},
		{"nobody there", write("port", func(s string) string { return strings.ReplaceAll(s, l.plane.Loopback.Host, "https://127.0.0.1:1") }), 6, []string{"list clusters at https://127.0.0.1:1: nothing listens there", "holdfast-server"}},
		{"another CA", write("ca", func(s string) string {
			return strings.ReplaceAll(s, "tls-server-name: "+l.plane.Loopback.ServerName, "")
		}), 6, []string{"its certificate"}},
		{"no such file", filepath.Join(dir, "none"), 5, []string{"read the kubeconfig", "correct --kubeconfig"}},
		{"no YAML", write("yaml", func(string) string { return "{" }), 2, []string{"read the kubeconfig"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.run("cluster", "ls", "--kubeconfig", test.kubeconfig).must(t, test.code).says(t, test.says...)
		})
	}
	l.run("cluster", "ls", "--context", "other").must(t, 2).says(t, "has lab")
	runIn(t.Context(), map[string]string{"HOME": dir}, "", "cluster", "ls").must(t, 2).says(t, "there is no kubeconfig in "+dir+"/.config/holdfast/kubeconfig")

	t.Run("a missing right is named with the role that has it", func(t *testing.T) {
		config := *l.plane.Loopback
		config.Impersonate.UserName = "nobody"
		path := filepath.Join(dir, "nobody")
		l.writeKubeconfig(path, &config)
		l.run("cluster", "ls", "--kubeconfig", path).must(t, 7).says(t, "you may not list clusters in all namespaces", "holdfast-viewer")
		l.run("cluster", "get", "prod", "--kubeconfig", path).must(t, 7).says(t, "you may not get clusters in namespace prod")
	})
}
