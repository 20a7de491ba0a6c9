package lab_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	s3client "github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/distro/profile"
	machines "github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// A cluster is dear, so one serves all that leaves it as it was.
func TestSnapshotsOfOneServer(t *testing.T) {
	cfg := k3s(profile.Profile{})
	cfg.Settings = map[string]any{"etcd-snapshot-compress": true, "node-label": []string{"a=b"}}
	c := installed(t, cfg, 1)
	n := c.nodes[0]
	snapshots := data + "db/snapshots/"

	t.Run("two spellings of one flag are fatal", func(t *testing.T) {
		stdout, stderr, code := c.try(n, "k3s", "etcd-snapshot", "save", "--snapshot-compress=false")
		must(t, stderr, "Error: Cannot use two forms of the same flag: etcd-snapshot-compress snapshot-compress")
		must(t, stdout, "USAGE")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("keys that a command does not know are warned of", func(t *testing.T) {
		_, stderr := c.run(n, "k3s", "etcd-snapshot", "ls")
		must(t, stderr, "level=warning msg=\"Unknown flag --node-label=a=b found in config.yaml, skipping\\n\"")
	})
	t.Run("mistakes have their words and codes", func(t *testing.T) {
		for _, mistake := range []struct {
			args, says string
			code       int
		}{
			{"bogus", "No help topic for 'bogus'", 3},
			{"save foo", "this command does not take any arguments", 1},
			{"ls -o foo", "invalid output format: foo", 1},
			{"delete", "no snapshots given for removal", 1},
			{"delete no-such-file", "Snapshot no-such-file not found.", 0},
			{"ls --etcd-token=wrong", "see server log for details: not authorized", 1},
			{"ls --etcd-token=K10abc::server:x", "invalid token CA hash length", 1},
			{"ls --etcd-server=https://127.0.0.1:1", "failed to get CA certs: Get", 1},
			{"save --dir /no/such/dir", "see server log for details: Internal error occurred: etcd-snapshot error ID", 1},
		} {
			_, stderr, code := c.try(n, append([]string{"k3s", "etcd-snapshot"}, strings.Fields(mistake.args)...)...)
			must(t, stderr, mistake.says)
			if code != mistake.code {
				t.Errorf("%s: exit code %d, want %d", mistake.args, code, mistake.code)
			}
		}
	})
	t.Run("a snapshot is a private zip with one entry, a record and an event", func(t *testing.T) {
		c.kubectl(n, "-n", "kube-system", "create", "configmap", "k3s-etcd-snapshot-extra-metadata", "--from-literal=why=test")
		name := c.save("--name", "Mine")
		if !regexp.MustCompile(`^Mine-node1-\d+\.zip$`).MatchString(name) {
			t.Errorf("file is called %s", name)
		}
		modes, _ := c.run(n, "stat", "-c", "%a", snapshots, snapshots+name, data+"db/.metadata/"+name)
		if modes != "700\n600\n700\n" {
			t.Errorf("modes %q", modes)
		}
		record := c.kubectl(n, "get", "etcdsnapshotfiles", "-o", `jsonpath={.items[?(@.spec.snapshotName=="`+name+`")]}`)
		var file struct {
			Metadata struct {
				Name                string
				Labels, Annotations map[string]string
			}
			Spec   struct{ Metadata map[string]string }
			Status struct{ ReadyToUse bool }
		}
		do(t, json.Unmarshal([]byte(record), &file))
		if !regexp.MustCompile(`^local-etcd-snapshot-node1-\d+\.zip-[0-9a-f]{6}$`).MatchString(file.Metadata.Name) ||
			file.Metadata.Labels["etcd.k3s.cattle.io/snapshot-storage-node"] != "node1" ||
			len(file.Metadata.Annotations["etcd.k3s.cattle.io/snapshot-token-hash"]) != 12 || file.Spec.Metadata["why"] != "test" || !file.Status.ReadyToUse {
			t.Errorf("record %s", record)
		}
		must(t, c.kubectl(n, "get", "events", "-o", "jsonpath={.items[*].reason}"), "ETCDSnapshotCreated")
		must(t, c.kubectl(n, "-n", "kube-system", "get", "configmap", "k3s-etcd-snapshots", "-o", "jsonpath={.data}"), "local-"+name)
		stdout, _ := c.run(n, "k3s", "etcd-snapshot", "ls", "-o", "json")
		must(t, stdout, "    \"kind\": \"List\"")
		must(t, stdout, `"name": "local-`+name+`"`)
	})
	t.Run("the command line never prunes on save, and prune keeps five", func(t *testing.T) {
		c.run(n, "sh", "-c", "cd "+snapshots+" && touch many-node1-1 many-node1-2 many-node1-3 many-node1-4 many-node1-5 many-node1-6")
		c.save("--name", "many", "--etcd-snapshot-retention=1")
		count := func() string {
			out, _ := c.run(n, "sh", "-c", "ls "+snapshots+" | grep -c ^many-")
			return strings.TrimSpace(out)
		}
		if count() != "7" {
			t.Errorf("%s snapshots after save", count())
		}
		c.run(n, "k3s", "etcd-snapshot", "prune", "--name", "many")
		if count() != "5" {
			t.Errorf("%s snapshots after prune", count())
		}
	})
	t.Run("a file below a directory is listed where it is not, and can't be deleted", func(t *testing.T) {
		c.run(n, "sh", "-c", "mkdir "+snapshots+"sub && touch "+snapshots+"sub/foreign")
		stdout, _ := c.run(n, "k3s", "etcd-snapshot", "ls")
		must(t, stdout, "file://"+snapshots+"foreign ")
		_, stderr := c.run(n, "k3s", "etcd-snapshot", "delete", "foreign")
		must(t, stderr, "Snapshot foreign not found.")
	})
	t.Run("a save elsewhere deletes the records of the usual place", func(t *testing.T) {
		c.run(n, "mkdir", "/var/lib/elsewhere")
		c.save("--etcd-snapshot-dir=/var/lib/elsewhere")
		names := c.kubectl(n, "get", "etcdsnapshotfiles", "-o", "jsonpath={.items[*].spec.location}")
		if strings.Contains(names, snapshots) || !strings.Contains(names, "/var/lib/elsewhere/") {
			t.Errorf("records of %s", names)
		}
	})
	t.Run("S3 gets a copy with its metadata, and says nothing when it does not", func(t *testing.T) {
		minio := servertest.MinIO(t, server.S3Config{Host: c.host})
		do(t, minio.MakeBucket(t.Context(), "backups", false))
		ca, err := os.ReadFile(minio.CAFile)
		do(t, err)
		s3 := []string{"--etcd-s3", "--etcd-s3-endpoint=" + minio.Address, "--etcd-s3-endpoint-ca=" + base64.StdEncoding.EncodeToString(ca),
			"--etcd-s3-access-key=" + minio.Root.AccessKey, "--etcd-s3-secret-key=" + minio.Root.SecretKey, "--etcd-s3-folder=prod"}
		args := append([]string{"k3s", "etcd-snapshot", "save", "--name=remote"}, s3...)
		_, stderr := c.run(n, append(args, "--etcd-s3-bucket=backups")...)
		if got := len(saved.FindAllString(stderr, -1)); got != 2 {
			t.Errorf("%d copies were saved: %s", got, stderr)
		}
		name := saved.FindStringSubmatch(stderr)[1]
		cli, err := minio.Client(minio.Root)
		do(t, err)
		info, err := cli.StatObject(t.Context(), "backups", "prod/"+name, s3client.StatObjectOptions{})
		do(t, err)
		if info.Metadata.Get("X-Amz-Meta-K3s-Node-Name") != "node1" || len(info.Metadata.Get("X-Amz-Meta-K3s-Token-Hash")) != 12 ||
			len(info.Metadata.Get("X-Amz-Meta-K3s-Cluster-Id")) != 36 || info.ContentType != "application/zip" {
			t.Errorf("headers %v, content type %s", info.Metadata, info.ContentType)
		}
		if _, err := cli.StatObject(t.Context(), "backups", "prod/.metadata/"+name, s3client.StatObjectOptions{}); err != nil {
			t.Errorf("metadata: %v", err)
		}
		_, stderr, code := c.try(n, append(args, "--etcd-s3-bucket=missing")...)
		must(t, stderr, "failed to initialize S3 client: bucket missing does not exist")
		if code != 1 {
			t.Errorf("without a bucket: exit code %d", code)
		}
		// Those of other nodes and clusters count too.
		for _, other := range []string{"remote-node7-1", "remote-node8-2", "remote-node9-3"} {
			_, err := cli.PutObject(t.Context(), "backups", "prod/"+other, strings.NewReader("x"), 1, s3client.PutObjectOptions{})
			do(t, err)
		}
		prune := append([]string{"k3s", "etcd-snapshot", "prune", "--name=remote", "--etcd-s3-bucket=backups", "--etcd-s3-retention=2"}, s3...)
		c.run(n, prune...)
		left, err := minio.Objects(t.Context(), "backups", "prod/remote")
		do(t, err)
		if len(left) != 2 || slices.Contains(left, "prod/"+name) {
			t.Errorf("after prune there are %v", left)
		}
		do(t, n.WriteFile(profile.Path, []byte("uploadFails: true\n"), 0o644))
		do(t, c.Stop(t.Context(), n))
		do(t, c.Start(t.Context(), n))
		_, stderr = c.run(n, append(args, "--etcd-s3-bucket=backups")...)
		if got := len(saved.FindAllString(stderr, -1)); got != 1 {
			t.Errorf("a refused upload: %d copies were saved: %s", got, stderr)
		}
	})
	t.Run("the schedule saves and prunes by itself", func(t *testing.T) {
		c.schedule(n, "@every 5s")
		c.logs(n, "schedule, now=.*entry=1, next=")
		c.run(n, "sh", "-c", "until [ $(ls "+snapshots+" | grep -c '^sched-node1-[0-9]*\\.zip$') -eq 2 ]; do sleep 0.3; done")
		c.run(n, "sh", "-c", "oldest=$(ls "+snapshots+"sched-* | head -n 1); while [ -e $oldest ]; do sleep 0.3; done")
		must(t, c.kubectl(n, "get", "etcdsnapshotfiles", "-o", "jsonpath={.items[*].spec.snapshotName}"), "sched-node1-")
	})
	t.Run("a bad schedule is passed over in silence", func(t *testing.T) {
		begun, _ := c.run(n, "date", "+%s")
		c.schedule(n, `\* * * * *`)
		said, _ := c.run(n, "journalctl", "-u", c.Unit(n), "--no-pager", "-o", "cat", "--since=@"+strings.TrimSpace(begun))
		must(t, said, "k3s is up and running")
		if strings.Contains(said, "schedule, now=") || strings.Contains(said, "cron") {
			t.Errorf("it says\n%s", said)
		}
		c.run(n, "rm", "-r", "/etc/rancher/k3s/config.yaml.d")
	})
	t.Run("a request that can't be read gets no answer", func(t *testing.T) {
		_, _, code := c.try(n, "sh", "-c", "curl -sk --http1.1 -u server:"+token+" https://127.0.0.1:6443/db/snapshot")
		if code != 52 { // empty reply
			t.Errorf("curl: exit code %d", code)
		}
	})
	t.Run("resets that must not begin", func(t *testing.T) {
		do(t, c.Stop(t.Context(), n))
		for _, refused := range []struct{ args, says string }{
			{"--cluster-reset-restore-path=x", "--cluster-reset required with --cluster-reset-restore-path"},
			{"--cluster-reset --cluster-reset-restore-path=/no/such/file", "etcd: snapshot path does not exist: /no/such/file"},
			{"--cluster-reset --cluster-reset-restore-path=/var", "must be a file, not a directory"},
			{"--cluster-reset --server=https://10.0.0.1:6443", "cannot perform cluster-reset while server URL is set"},
		} {
			_, stderr, code := c.try(n, append([]string{"k3s", "server"}, strings.Fields(refused.args)...)...)
			must(t, stderr, refused.says)
			if code != 1 {
				t.Errorf("%s: exit code %d", refused.args, code)
			}
		}
		if out, _, _ := c.try(n, "sh", "-c", "ls -d "+data+"db/etcd-old-*"); out != "" {
			t.Errorf("moved aside: %s", out)
		}
	})
	t.Run("a damaged snapshot fails when the database has gone from its place", func(t *testing.T) {
		c.run(n, "sh", "-c", "head -c 100000 /dev/urandom > "+data+"bad")
		_, stderr, code := c.try(n, "k3s", "server", "--cluster-reset", "--cluster-reset-restore-path=bad")
		must(t, stderr, "snapshot missing hash but --skip-hash-check=false")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
		c.run(n, "sh", "-c", "rm -rf "+data+"db/etcd && mv "+data+"db/etcd-old-* "+data+"db/etcd")
		do(t, c.Start(t.Context(), n))
	})
	name := c.save("--etcd-snapshot-compress=false", "--name=plain")
	do(t, c.Stop(t.Context(), n))
	reset := []string{"k3s", "server", "--cluster-reset", "--cluster-reset-restore-path=" + snapshots + name}
	forget := func() { c.run(n, "sh", "-c", "rm -rf "+data+"db/etcd-old-*") }
	t.Run("profiles: a reset that ends early, one that never ends, and how each release says that it is done", func(t *testing.T) {
		for content, want := range map[string]struct {
			says string
			code int
		}{
			"resetShutdown: etcd join failed": {`level=error msg="Shutdown request received: \"etcd join failed\""`, 0},
			"endlessReset: true":              {"k3s is up and running", 124}, // what timeout says
			"infoMessage: true":               {"level=info msg=\"Managed etcd cluster membership has been reset", 0},
		} {
			do(t, n.WriteFile(profile.Path, []byte(content+"\n"), 0o644))
			forget() // two resets within a second collide
			_, stderr, code := c.try(n, append([]string{"timeout", "20"}, reset...)...)
			must(t, stderr, want.says)
			if code != want.code {
				t.Errorf("%s: exit code %d, want %d", content, code, want.code)
			}
		}
		do(t, n.WriteFile(profile.Path, nil, 0o644))
	})
	t.Run("a wrong token is noticed late, and spoils the next start", func(t *testing.T) {
		forget()
		_, stderr, code := c.try(n, append(reset, "--token=wrong")...)
		must(t, stderr, "bootstrap data already found and encrypted with different token")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
		if kept, _ := c.run(n, "cat", data+"token"); !strings.HasSuffix(kept, "::server:wrong\n") {
			t.Errorf("the token on disk is %s", kept)
		}
		_, stderr, code = c.try(n, "k3s", "server")
		must(t, stderr, data+"cred/passwd newer than datastore and could cause a cluster outage")
		if code != 1 {
			t.Errorf("the start after: exit code %d", code)
		}
		c.run(n, reset...)
		do(t, c.Start(t.Context(), n))
	})
}

// schedule restarts a server with another schedule, of which it keeps two snapshots.
func (c *cluster) schedule(n *machines.Node, cron string) {
	c.t.Helper()
	settings := "etcd-snapshot-schedule-cron: '" + cron + "'\netcd-snapshot-name: sched\netcd-snapshot-retention: 2\n"
	do(c.t, n.WriteFile("/etc/rancher/k3s/config.yaml.d/schedule.yaml", []byte(settings), 0o600))
	do(c.t, c.Stop(c.t.Context(), n))
	do(c.t, c.Start(c.t.Context(), n))
}
