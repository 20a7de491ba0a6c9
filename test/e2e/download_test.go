package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// manager starts a holdfast-server, and returns its kubeconfig and its log.
func manager(t *testing.T) (kubeconfig, log string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "holdfast-server")
	build := exec.Command("go", "build", "-o", program, "./cmd/holdfast-server")
	build.Dir = "../../server"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, log := filepath.Join(dir, "manager"), filepath.Join(dir, "manager.log")
	p, err := server.StartProgram(program, log, nil, "--data-dir", data, "--listen", "127.0.0.1:0", "--advertise-address", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubeconfig = filepath.Join(data, "kubeconfig")
	u := newUser(t, "KUBECONFIG="+kubeconfig)
	until(t, "the manager answers", func() bool {
		if !p.Running() {
			t.Fatal(p.LogTail())
		}
		return u.run("cluster", "ls").code == 0
	})
	return kubeconfig, log
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in three minutes: %s", what)
		}
	}
}

// TestALaptopWithoutAKeyDownloadsWhatLiesInAPrivateBucket: the bucket's server has a certificate of an authority that the
// laptop has never seen, and the manager alone has keys for it.
func TestALaptopWithoutAKeyDownloadsWhatLiesInAPrivateBucket(t *testing.T) {
	s := servertest.MinIO(t, server.S3Config{}).S3
	if err := s.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	e := smallEtcd(t)
	saver := newUser(t, append(keysEnv(s.Root), e.CtlEnv()...)...)
	saver.must(with(bucketFlags(s, "backups/prod"), "etcd", "save", "--verify", "content", "--min-free", "0")...)

	kubeconfig, log := manager(t)
	laptop := newUser(t, "KUBECONFIG="+kubeconfig)
	keys := filepath.Join(laptop.home, "keys")
	if err := os.WriteFile(keys, []byte("AWS_ACCESS_KEY_ID="+s.Root.AccessKey+"\nAWS_SECRET_ACCESS_KEY="+s.Root.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	laptop.must("cluster", "create", "prod", "--distro", "etcd", "--target", "s3://backups/prod", "--s3-endpoint", s.Address, "--s3-ca-file", s.CAFile,
		"--s3-region", server.Region, "--s3-bucket-lookup", "path", "--s3-credentials-file", keys)
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	var name string
	until(t, "the manager has found the snapshot", func() bool {
		name = strings.TrimSpace(laptop.must("snapshot", "ls", "prod", "-o", "name").stdout)
		return name != ""
	})

	got := laptop.must("snapshot", "download", name, "-o", "json")
	var view struct {
		Path, SHA256, Location string
		Verified               bool
	}
	if err := json.Unmarshal([]byte(got.stdout), &view); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(laptop.home, view.Path)
	if !view.Verified || view.SHA256 == "" || !strings.HasPrefix(view.Location, "s3://backups/prod/") {
		t.Errorf("it says %s", got)
	}
	data := filepath.Join(laptop.home, "restored")
	laptop.must("etcd", "restore", path, "--data-dir", data, "--min-free", "0")
	laptop.refused(3, []string{"it is there already", "--force"}, "snapshot", "download", name)
	laptop.must("snapshot", "download", name, "--to", "other.db", "--force")
	for _, secret := range []string{s.Root.SecretKey, "X-Amz-Signature"} {
		logged, err := os.ReadFile(log)
		if err != nil || bytes.Contains(logged, []byte(secret)) || strings.Contains(got.String(), secret) {
			t.Errorf("%q is in a log or in the output, %v", secret, err)
		}
	}

	// Somebody changes the bytes in the bucket, and the manager does not know it yet.
	client, err := s.Client(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	object := strings.TrimPrefix(view.Location, "s3://backups/")
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stored[len(stored)/2]++
	if _, err := client.PutObject(t.Context(), "backups", object, bytes.NewReader(stored), int64(len(stored)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	laptop.refused(4, []string{"the manifest's", "nothing was kept"}, "snapshot", "download", name, "--to", "damaged.db")
	if err := client.RemoveObject(t.Context(), "backups", object, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if o := laptop.run("snapshot", "download", name, "--to", "gone.db"); o.code == 0 {
		t.Errorf("it downloads what is gone: %s", o)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	o := laptop.run("snapshot", "download", name, "--to", "gone.db")
	if o.code == 0 || !strings.Contains(o.stderr, view.Location) || !strings.Contains(o.stderr, "does not answer") {
		t.Errorf("a target that is down: %s", o)
	}
	for _, leftover := range []string{"damaged.db", "gone.db"} {
		if _, err := os.Stat(filepath.Join(laptop.home, leftover)); err == nil {
			t.Errorf("%s is there", leftover)
		}
	}
}
