package e2e

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// s3Calls does each operation once and returns their errors. Those that need an object use "there".
func s3Calls(ctx context.Context, store blob.Store) map[string]error {
	_, putErr := store.Put(ctx, "new", strings.NewReader("content"), blob.PutOptions{})
	_, bigErr := store.Put(ctx, "big", strings.NewReader(strings.Repeat("x", s3Part+1)), blob.PutOptions{})
	_, statErr := store.Stat(ctx, "there")
	r, getErr := store.Get(ctx, "there", 0, 1, "")
	if getErr == nil {
		getErr = r.Close()
	}
	return map[string]error{
		"Put": putErr, "Put in parts": bigErr, "Stat": statErr, "Get": getErr, "Delete": store.Delete(ctx, "there"),
		"List": store.List(ctx, "", func(blob.Info) error { return nil }),
	}
}

func s3Put(t *testing.T, store blob.Store, name, content string) {
	t.Helper()
	if _, err := store.Put(t.Context(), name, strings.NewReader(content), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// checkCalls wants one error from every operation, at once and for good.
func checkCalls(t *testing.T, store blob.Store, want error) {
	t.Helper()
	for call, err := range s3Calls(t.Context(), store) {
		if !errors.Is(err, want) || retry.Transient(err) {
			t.Errorf("%s: %v, want %v", call, err, want)
		}
	}
}

func TestOnlyTheRightCertificateAuthorityIsTrusted(t *testing.T) {
	right := servertest.MinIO(t, server.S3Config{})
	s3Bucketed(t, right.S3, false)
	expired := servertest.VersityGW(t, server.S3Config{ExpiredCert: true})
	pem, err := os.ReadFile(right.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		server *server.S3
		change func(*s3.Config)
		want   error
	}{
		"right, in a file":    {right.S3, func(*s3.Config) {}, nil},
		"right, as text":      {right.S3, func(c *s3.Config) { c.CAFile, c.CAPEM = "", pem }, nil},
		"right, beside wrong": {right.S3, func(c *s3.Config) { c.CAFile, c.CAPEM = right.WrongCAFile, pem }, nil},
		"none, not verified":  {right.S3, func(c *s3.Config) { c.CAFile, c.SkipTLSVerify = "", true }, nil},
		"none":                {right.S3, func(c *s3.Config) { c.CAFile = "" }, blob.ErrTLS},
		"wrong":               {right.S3, func(c *s3.Config) { c.CAFile = right.WrongCAFile }, blob.ErrTLS},
		"expired certificate": {expired.S3, func(*s3.Config) {}, blob.ErrTLS},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s3Settings(test.server)
			test.change(&cfg)
			store := s3Open(t, cfg)
			if test.want != nil {
				checkCalls(t, store, test.want)
				return
			}
			s3Put(t, store, "there", "content")
			for call, err := range s3Calls(t.Context(), store) {
				if err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

func TestEachWrongSettingHasItsOwnError(t *testing.T) {
	for name, start := range s3Servers() {
		t.Run(name, func(t *testing.T) {
			// Without a region of its own MinIO takes requests for any.
			s := start(t, server.S3Config{ExtraEnv: []string{"MINIO_SITE_REGION=" + server.Region}})
			s3Bucketed(t, s, false)
			for what, test := range map[string]struct {
				change func(*s3.Config)
				want   error
			}{
				"unknown access key": {func(c *s3.Config) { c.AccessKey = "unknown-access-key" }, blob.ErrCredentials},
				"wrong secret key":   {func(c *s3.Config) { c.SecretKey = s3.NewSecret("wrong-secret-key") }, blob.ErrCredentials},
				"missing bucket":     {func(c *s3.Config) { c.Bucket = "missing" }, blob.ErrNoStore},
				"missing bucket, region given": {
					func(c *s3.Config) { c.Bucket, c.Region = "missing", server.Region }, blob.ErrNoStore,
				},
				"wrong region": {func(c *s3.Config) { c.Region = "eu-west-9" }, blob.ErrRegion},
			} {
				t.Run(what, func(t *testing.T) {
					cfg := s3Settings(s)
					test.change(&cfg)
					checkCalls(t, s3Open(t, cfg), test.want)
				})
			}
		})
	}
}

func TestEachMissingRightShowsWhereItIsNeededAndNowhereElse(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	s3Bucketed(t, m.S3, false)
	all := map[server.Right][]string{
		server.List:   {"List"},
		server.Read:   {"Stat", "Get"},
		server.Write:  {"Put", "Put in parts"},
		server.Delete: {"Delete"},
	}
	for missing, denied := range all {
		t.Run(string(missing), func(t *testing.T) {
			var rights []server.Right
			for right := range all {
				if right != missing {
					rights = append(rights, right)
				}
			}
			user, err := m.AddUser(t.Context(), s3Bucket, rights...)
			if err != nil {
				t.Fatal(err)
			}
			cfg := s3Settings(m.S3)
			s3Put(t, s3Open(t, cfg), "there", "content")
			cfg.AccessKey, cfg.SecretKey = user.AccessKey, s3.NewSecret(user.SecretKey)
			for call, err := range s3Calls(t.Context(), s3Open(t, cfg)) {
				want := error(nil)
				for _, d := range denied {
					if d == call {
						want = blob.ErrDenied
					}
				}
				if !errors.Is(err, want) {
					t.Errorf("without %s: %s: %v, want %v", missing, call, err, want)
				}
			}
		})
	}
}

func TestADeleteInAVersionedBucketHidesAllVersionsAndKeepsThem(t *testing.T) {
	for name, start := range s3Servers() {
		t.Run(name, func(t *testing.T) {
			s := start(t, server.S3Config{})
			s3Bucketed(t, s, true)
			cfg := s3Settings(s)
			store := s3Open(t, cfg)
			s3Put(t, store, "a", "one")
			s3Put(t, store, "a", "two")
			if err := store.Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotExist) {
				t.Errorf("Stat: %v, want ErrNotExist", err)
			}
			if versions := s3Versions(t, s, cfg.Prefix); versions != 3 {
				t.Errorf("the bucket keeps %d versions and markers, want 2 and 1", versions)
			}
		})
	}
}

// Virtual time begins in the year 2000, which is what a machine without a clock battery believes too.
func TestAWrongClockIsNamed(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{Plain: true})
	s3Bucketed(t, m.S3, false)
	cfg := s3Settings(m.S3)
	cfg.Region = server.Region
	synctest.Test(t, func(t *testing.T) {
		checkCalls(t, s3Open(t, cfg), blob.ErrClockSkew)
	})
}

func TestAFullServerIsErrNoSpace(t *testing.T) {
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m")
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "" {
		t.Skip("mounting takes root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	m := servertest.MinIO(t, server.S3Config{Dir: dir})
	s3Bucketed(t, m.S3, false)
	store := s3Open(t, s3Settings(m.S3))
	content := string(blobtest.Content(1, 64<<20))
	if _, err := store.Put(t.Context(), "a", strings.NewReader(content), blob.PutOptions{}); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Put: %v, want ErrNoSpace", err)
	}
	if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("Stat: %v, want ErrNotExist", err)
	}
}
