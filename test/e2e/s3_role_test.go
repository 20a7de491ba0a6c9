package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// s3Instance is a machine with a role that may use a bucket: a server, its user behind the role, and the machine's
// metadata service, which the environment points to.
func s3Instance(t *testing.T) (*server.MinIO, server.Credentials, *server.IMDS) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir()) // no shared file
	m, imds := servertest.MinIO(t, server.S3Config{}), servertest.IMDS(t)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.Endpoint)
	s3Bucketed(t, m.S3, false)
	user, err := m.AddUser(t.Context(), s3Bucket, server.List, server.Read, server.Write, server.Delete)
	if err != nil {
		t.Fatal(err)
	}
	return m, user, imds
}

// assume takes the role, with keys that claim to end so soon.
func assume(t *testing.T, m *server.MinIO, user server.Credentials, life time.Duration) server.Credentials {
	t.Helper()
	keys, err := m.AssumeRole(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	keys.Expires = time.Now().Add(life)
	return keys
}

func s3RoleStore(t *testing.T, m *server.MinIO) *s3.Store {
	t.Helper()
	cfg := s3Settings(m.S3)
	cfg.AccessKey, cfg.SecretKey = "", s3.Secret{}
	return s3Open(t, cfg)
}

// interrupted gives its bytes and calls a function before the one at the given place.
type interrupted struct {
	r    io.Reader
	left int
	then func()
}

func (i *interrupted) Read(p []byte) (int, error) {
	if i.left == 0 && i.then != nil {
		i.then()
		i.then = nil
	}
	if i.then != nil {
		p = p[:min(len(p), i.left)]
	}
	n, err := i.r.Read(p)
	i.left -= n
	return n, err
}

func TestAnInstanceRoleIsUsedAndNamed(t *testing.T) {
	m, user, imds := s3Instance(t)
	keys := assume(t, m, user, time.Hour)
	imds.SetCredentials(keys)
	store := s3RoleStore(t, m)
	if key, source, err := store.Identity(t.Context()); err != nil || key != keys.AccessKey || source != "instance role" {
		t.Errorf("Identity: %q, %q, %v", key, source, err)
	}
	s3Put(t, store, "a", "content")
	if served := imds.Served(keys.AccessKey); served != 1 {
		t.Errorf("the keys were fetched %d times, want once", served)
	}
}

func TestAnInstanceWithoutARoleSaysWhatWasTried(t *testing.T) {
	m, _, _ := s3Instance(t)
	_, err := s3RoleStore(t, m).Stat(t.Context(), "a")
	if !errors.Is(err, blob.ErrCredentials) || !strings.Contains(err.Error(), "instance role: ") || !strings.Contains(err.Error(), "environment: ") {
		t.Errorf("Stat: %v, want ErrCredentials with each source", err)
	}
}

// The metadata service has the next keys, the server knows the old ones no more, and nobody has said so: what a role
// whose sessions were revoked looks like.
func TestKeysThatEndWithoutNoticeDuringAnUploadAreReplaced(t *testing.T) {
	m, user, imds := s3Instance(t)
	first := assume(t, m, user, time.Hour)
	imds.SetCredentials(first)
	successor, err := m.AddUser(t.Context(), s3Bucket, server.List, server.Read, server.Write)
	if err != nil {
		t.Fatal(err)
	}
	second := assume(t, m, successor, time.Hour)
	store, content := s3RoleStore(t, m), blobtest.Content(1, 6*s3Part+10)
	r := &interrupted{r: bytes.NewReader(content), left: 3 * s3Part, then: func() {
		imds.SetCredentials(second)
		if err := m.RevokeTokens(t.Context(), user); err != nil {
			t.Error(err)
		}
	}}
	if _, err := store.Put(t.Context(), "a", r, blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	s3CheckContent(t, store, "a", content)
	if imds.Served(first.AccessKey) == 0 || imds.Served(second.AccessKey) == 0 {
		t.Error("the upload did not use both keys")
	}
}

// The keys say when they end, and are replaced before: the server never sees an old one after that.
func TestKeysThatExpireDuringAnUploadAreRenewedBefore(t *testing.T) {
	m, user, imds := s3Instance(t)
	first := assume(t, m, user, 3*time.Second)
	second := assume(t, m, user, time.Hour)
	imds.SetCredentials(first)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store := s3RoleStore(t, m)
	if _, err := store.Stat(ctx, "a"); !errors.Is(err, blob.ErrNotExist) {
		t.Fatal(err)
	}
	imds.SetCredentials(second)
	// It goes on until the upload has the second keys, and then a little.
	r := &endless{ctx: ctx, enough: func() bool { return imds.Served(second.AccessKey) > 0 }, rest: 2 * s3Part}
	info, err := store.Put(ctx, "a", r, blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != r.given {
		t.Errorf("stored %d bytes of %d", info.Size, r.given)
	}
	if served := imds.Served(second.AccessKey); served != 1 {
		t.Errorf("the second keys were fetched %d times, want once", served)
	}
}

// endless gives zeros until enough is true, and then the rest.
type endless struct {
	ctx    context.Context
	enough func() bool
	rest   int
	given  int64
}

func (e *endless) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	if e.enough() {
		p = p[:min(len(p), e.rest)]
		e.rest -= len(p)
	}
	if len(p) == 0 {
		return 0, io.EOF
	}
	clear(p)
	e.given += int64(len(p))
	return len(p), nil
}

func TestWhileTheMetadataServiceIsAwayGoodKeysServe(t *testing.T) {
	m, user, imds := s3Instance(t)
	keys := assume(t, m, user, 10*time.Minute)
	imds.SetCredentials(keys)
	store := s3RoleStore(t, m)
	s3Put(t, store, "a", "content")
	imds.RemoveRole()
	s3Put(t, store, "a", "content again")
	if err := m.RevokeTokens(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrCredentials) {
		t.Errorf("with keys that have ended and no others: %v, want ErrCredentials", err)
	}
}
