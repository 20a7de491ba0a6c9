package controlplane_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/deploy"
	"github.com/holdfast-dev/holdfast/server/controlplane"
)

func TestWhatIsStoredSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	p := startIn(t, dir)
	if err := connect(t, p).keep(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	p = startIn(t, dir)
	defer stop(t, p)
	resource := v1alpha1.GroupVersion().WithResource("clusters")
	got, err := connect(t, p).client.Resource(resource).Namespace("default").Get(t.Context(), "one", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := got.Object["spec"].(map[string]any)
	if spec["distro"] != "etcd" || spec["deletionPolicy"] != "Retain" {
		t.Errorf("spec %v", spec)
	}
}

func TestSecretsAreEncryptedAtRest(t *testing.T) {
	const word = "correct-horse-battery-staple"
	dir := t.TempDir()
	p := startIn(t, dir)
	client := typed(t, p)
	secret := &v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s3"}, StringData: map[string]string{"secretKey": word}}
	if _, err := client.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("it can be read in %s", strings.TrimPrefix(path, dir))
		}
		if info, _ := entry.Info(); info.Mode().Perm()&0o077 != 0 && strings.Contains(path, "/keys/") {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestADeletedNamespaceGoesWithAllThatIsInIt(t *testing.T) {
	p := start(t)
	client := typed(t, p)
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "c-one"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, p).keep(t.Context(), strings.Replace(cluster, "namespace: default", "namespace: c-one", 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace has its service account", func() bool {
		_, err := client.CoreV1().ServiceAccounts("c-one").Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	if err := client.CoreV1().Namespaces().Delete(t.Context(), "c-one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is gone", func() bool {
		_, err := client.CoreV1().Namespaces().Get(t.Context(), "c-one", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func TestNobodyGetsInWithoutAToken(t *testing.T) {
	p := start(t)
	anonymous := rest.AnonymousClientConfig(p.Loopback)
	client, err := kubernetes.NewForConfig(anonymous)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("got %v", err)
	}
}

// TestEtcdIsReachedThroughItsDirectoryAlone: whoever reaches its sockets is its master, and what keeps others away is
// the directory's mode. A socket without a file has no mode.
func TestEtcdIsReachedThroughItsDirectoryAlone(t *testing.T) {
	dir := t.TempDir()
	p := startIn(t, dir)
	defer stop(t, p)
	ours := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			ours[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	table, err := os.ReadFile("/proc/self/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	const listening, inode, path = "00010000", 6, 7
	found := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[3] != listening || !ours[fields[inode]] {
			continue
		}
		found++
		if len(fields) <= path || !strings.HasPrefix(fields[path], dir+"/etcd.sock") {
			t.Errorf("it listens on %v", fields[path:])
		}
	}
	if found != 2 {
		t.Errorf("%d sockets were found", found)
	}
}

// start runs a control plane with all manifests for one test.
func start(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	p := startIn(t, t.TempDir())
	t.Cleanup(func() { stop(t, p) })
	return p
}

func startIn(t *testing.T, dir string) *controlplane.ControlPlane {
	t.Helper()
	p, err := controlplane.Start(context.WithoutCancel(t.Context()), controlplane.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := controlplane.ApplyManifests(ctx, p.Loopback, deploy.Manifests); err != nil {
		stop(t, p)
		t.Fatal(err)
	}
	return p
}

func stop(t *testing.T, p *controlplane.ControlPlane) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func typed(t *testing.T, p *controlplane.ControlPlane) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(p.Loopback)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func connect(t *testing.T, p *controlplane.ControlPlane) api {
	t.Helper()
	return connectTo(t, p.Loopback)
}

func connectTo(t *testing.T, config *rest.Config) api {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return api{client}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in a minute: %s", what)
		}
	}
}
