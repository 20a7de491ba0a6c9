package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// bucketFlags say where the repository is.
func bucketFlags(s *server.S3, bucketAndFolder string) []string {
	return []string{"--repo", "s3://" + bucketAndFolder, "--s3-endpoint", s.Address, "--s3-ca-file", s.CAFile,
		"--s3-region", server.Region, "--s3-bucket-lookup", "path"}
}

func keysEnv(c server.Credentials) []string {
	env := []string{"AWS_ACCESS_KEY_ID=" + c.AccessKey, "AWS_SECRET_ACCESS_KEY=" + c.SecretKey, "AWS_EC2_METADATA_DISABLED=true"}
	if c.SessionToken != "" {
		env = append(env, "AWS_SESSION_TOKEN="+c.SessionToken)
	}
	return env
}

// smallEtcd is a cluster of one with a few hundred objects.
func smallEtcd(t *testing.T) *server.Etcd {
	t.Helper()
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	cli := servertest.EtcdClient(t, e)
	if _, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 3, Objects: 300}); err != nil {
		t.Fatal(err)
	}
	return e
}

func with(args []string, more ...string) []string {
	return append(append([]string{}, more...), args...)
}

func TestABackupInS3IsSavedListedVerifiedRestoredPrunedAndDeleted(t *testing.T) {
	for name, s := range map[string]*server.S3{
		"MinIO":     servertest.MinIO(t, server.S3Config{}).S3,
		"versitygw": servertest.VersityGW(t, server.S3Config{}).S3,
	} {
		t.Run(name, func(t *testing.T) {
			e := smallEtcd(t)
			if err := s.MakeBucket(t.Context(), "backups", false); err != nil {
				t.Fatal(err)
			}
			u := newUser(t, append(keysEnv(s.Root), e.CtlEnv()...)...)
			flags := bucketFlags(s, "backups/prod")
			for _, o := range []outcome{
				u.must(with(flags, "repo", "test")...),
				u.must(with(flags, "etcd", "save", "--trigger", "recurring", "--verify", "restore", "--min-free", "0")...),
				u.must(with(flags, "etcd", "save", "--trigger", "recurring", "--verify", "content", "--min-free", "0", "--compress", "zip")...),
				u.must(with(flags, "repo", "verify", "--all", "--level", "restore")...),
			} {
				if strings.Contains(o.String(), s.Root.SecretKey) {
					t.Fatalf("the secret key is in the output of %s", o.command)
				}
			}
			data := filepath.Join(u.home, "restored")
			u.must(with(flags, "etcd", "restore", "--latest", "--data-dir", data, "--min-free", "0")...)
			if _, err := os.Stat(filepath.Join(data, "member", "snap", "db")); err != nil {
				t.Error(err)
			}
			u.must(with(flags, "repo", "prune", "--keep", "1")...)
			var list struct {
				Snapshots []struct{ Name, State string }
			}
			decodeJSON(t, u.must(with(flags, "repo", "ls", "-o", "json")...).stdout, &list)
			if len(list.Snapshots) != 1 || list.Snapshots[0].State != "restored" || !strings.HasSuffix(list.Snapshots[0].Name, ".zip") {
				t.Fatalf("after the prune: %+v", list)
			}
			u.must(with(flags, "repo", "delete", list.Snapshots[0].Name)...)
			decodeJSON(t, u.must(with(flags, "repo", "ls", "-o", "json")...).stdout, &list)
			if len(list.Snapshots) != 0 {
				t.Errorf("after the deletion: %+v", list)
			}
		})
	}
}

func decodeJSON(t *testing.T, text string, into any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// Each wrong setting has a text that names the cause and the next step, and a documented exit code.
func TestEachWrongS3SettingIsNamed(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	if err := m.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	right := bucketFlags(m.S3, "backups/prod")
	replace := func(flag, value string) []string {
		args := append([]string{}, right...)
		for i := range args {
			if args[i] == flag {
				args[i+1] = value
			}
		}
		return args
	}
	without := func(flag string) []string {
		args := append([]string{}, right...)
		for i := range args {
			if args[i] == flag {
				return append(args[:i], args[i+2:]...)
			}
		}
		return args
	}
	badSecret, badKey := m.Root, m.Root
	badSecret.SecretKey, badKey.AccessKey = "not-the-secret-key", "nobody"
	readable := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(readable, []byte("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		keys server.Credentials
		code int
		says []string
	}{
		{"missing CA", without("--s3-ca-file"), m.Root, 6, []string{"certificate is not trusted", "--s3-ca-file"}},
		{"wrong CA", replace("--s3-ca-file", m.WrongCAFile), m.Root, 6, []string{"certificate is not trusted", "--s3-ca-file"}},
		{"CA file that does not exist", replace("--s3-ca-file", "/nowhere.pem"), m.Root, 5, []string{"/nowhere.pem", "no such file"}},
		{"wrong secret key", right, badSecret, 7, []string{"credentials were not accepted", "secret key"}},
		{"wrong access key", right, badKey, 7, []string{"credentials were not accepted", "access key"}},
		{"no keys at all", right, server.Credentials{}, 7, []string{"credentials"}},
		{"missing bucket", replace("--repo", "s3://nobody-made-this/prod"), m.Root, 5, []string{"does not exist", "holdfast creates no bucket"}},
		{"nobody listens", replace("--s3-endpoint", "127.0.0.1:1"), m.Root, 6, []string{"does not answer", "host and port"}},
		{"endpoint with a scheme", replace("--s3-endpoint", m.Endpoint), m.Root, 2, []string{"without https://"}},
		{"plain http to a TLS server", append(without("--s3-ca-file"), "--s3-insecure"), m.Root, 6, []string{"plain http", "--s3-insecure"}},
		{"keys in the URL", replace("--repo", "s3://key:secret@backups/prod"), m.Root, 2, []string{"neither keys nor options"}},
		{"keys that others may read", append(append([]string{}, right...), "--s3-credentials-file", readable), m.Root, 3, []string{"chmod 600"}},
		{"unknown bucket lookup", replace("--s3-bucket-lookup", "guess"), m.Root, 2, []string{"auto, dns or path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := keysEnv(c.keys)
			if c.keys.AccessKey == "" {
				env = []string{"AWS_EC2_METADATA_DISABLED=true"}
			}
			o := newUser(t, env...).run(with(c.args, "repo", "ls")...)
			if o.code != c.code {
				t.Errorf("exit code %d, want %d", o.code, c.code)
			}
			for _, s := range c.says {
				if !strings.Contains(o.stderr, s) {
					t.Errorf("the text does not say %q", s)
				}
			}
			if strings.Contains(o.String(), c.keys.SecretKey) && c.keys.SecretKey != "" {
				t.Error("the secret key is in the output")
			}
			if t.Failed() {
				t.Log(o)
			}
		})
	}
}

func TestRepoTestGivesAVerdictForEachRight(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	if err := m.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		rights []server.Right
		no     []string
		needed string // the rights that cannot be tried without
	}{
		{"no delete right", []server.Right{server.List, server.Read, server.Write}, []string{"delete"}, ""},
		{"no read right", []server.Right{server.List, server.Write, server.Delete}, []string{"read", "ranged read"}, ""},
		{"no list right", []server.Right{server.Read, server.Write, server.Delete}, []string{"list", "clean up"}, ""},
		{"no write right", []server.Right{server.List, server.Read, server.Delete}, []string{"write"}, "large write, delete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := m.AddUser(t.Context(), "backups", c.rights...)
			if err != nil {
				t.Fatal(err)
			}
			o := newUser(t, keysEnv(keys)...).run(with(bucketFlags(m.S3, "backups/prod"), "repo", "test", "-o", "json")...)
			if o.code != 7 {
				t.Errorf("exit code %d", o.code)
			}
			var tested struct {
				Rights []struct{ Right, Verdict, Reason, Next string }
			}
			decodeJSON(t, o.stdout, &tested)
			verdicts := tested.Rights
			if len(verdicts) != 7 {
				t.Errorf("%d verdicts", len(verdicts))
			}
			for _, v := range verdicts {
				want := "yes"
				switch {
				case slices.Contains(c.no, v.Right):
					want = "no"
					if !strings.Contains(v.Reason, "access denied") || !strings.Contains(v.Reason, "s3:") || !strings.Contains(v.Next, "grant s3:") {
						t.Errorf("%+v", v)
					}
				case strings.Contains(c.needed, v.Right):
					want = "not tried"
				}
				if v.Verdict != want {
					t.Errorf("%+v, want %s", v, want)
				}
			}
			if t.Failed() {
				t.Log(o)
			}
		})
	}
}

func TestAMachineWithARoleNeedsNoKeys(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	if err := m.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	imds := servertest.IMDS(t)
	keys, err := m.AddUser(t.Context(), "backups", server.List, server.Read, server.Write, server.Delete)
	if err != nil {
		t.Fatal(err)
	}
	role, err := m.AssumeRole(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	role.Expires = time.Now().Add(time.Hour)
	imds.SetCredentials(role)
	e := smallEtcd(t)
	u := newUser(t, append(e.CtlEnv(), "AWS_EC2_METADATA_SERVICE_ENDPOINT="+imds.Endpoint)...)
	u.must(with(bucketFlags(m.S3, "backups/prod"), "etcd", "save", "--verify", "content", "--min-free", "0")...)
	if imds.Served(role.AccessKey) == 0 {
		t.Error("nobody asked for the role's credentials")
	}
	imds.RemoveRole()
	o := u.run(with(bucketFlags(m.S3, "backups/prod"), "repo", "ls")...)
	if o.code != 7 || !strings.Contains(o.stderr, "credentials") {
		t.Error(o)
	}
}

// Two clusters on one bucket: each sees its own snapshots, and what else lies there is left alone.
func TestAFolderKeepsItsOwnSnapshotsAmongOthers(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	if err := m.MakeBucket(t.Context(), "backups", true); err != nil { // versioned
		t.Fatal(err)
	}
	e := smallEtcd(t)
	env := append(keysEnv(m.Root), e.CtlEnv()...)
	save := []string{"etcd", "save", "--verify", "content", "--min-free", "0"}
	one, two := newUser(t, env...), newUser(t, env...)
	one.must(with(bucketFlags(m.S3, "backups/one"), save...)...)
	two.must(with(bucketFlags(m.S3, "backups/two"), save...)...)
	putObject(t, m.S3, "backups", "one/readme.txt", []byte("not a snapshot"))
	putObject(t, m.S3, "backups", "one/deep/etcd-snapshot-n1-1652288934", bytes.Repeat([]byte{1}, 8224))
	var list struct{ Snapshots []struct{ Name string } }
	decodeJSON(t, one.must(with(bucketFlags(m.S3, "backups/one"), "repo", "ls", "-o", "json")...).stdout, &list)
	if len(list.Snapshots) != 1 {
		t.Errorf("%+v", list)
	}
	for _, o := range []outcome{
		two.run(with(bucketFlags(m.S3, "backups/one"), save...)...),
		two.run(with(bucketFlags(m.S3, "backups"), save...)...),
		two.run(with(bucketFlags(m.S3, "backups/one/below"), save...)...),
	} {
		if o.code != 3 || !strings.Contains(o.stderr, "belongs to") {
			t.Error(o)
		}
	}
	two.must(with(bucketFlags(m.S3, "backups/one"), "repo", "ls")...) // reading is always allowed
	two.must(with(bucketFlags(m.S3, "backups/one"), append(save, "--take-over", "--cluster-id", "c-two")...)...)
	if o := one.run(with(bucketFlags(m.S3, "backups/one"), save...)...); o.code != 3 {
		t.Error(o)
	}
}

func putObject(t *testing.T, s *server.S3, bucket, key string, body []byte) {
	t.Helper()
	client, err := s.Client(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}
