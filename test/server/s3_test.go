package server_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestEachS3ServerKeepsAnObjectOverTLSAndARestart(t *testing.T) {
	servers := map[string]func(*testing.T) *server.S3{
		"minio":     func(t *testing.T) *server.S3 { return servertest.MinIO(t, server.S3Config{}).S3 },
		"versitygw": func(t *testing.T) *server.S3 { return servertest.VersityGW(t, server.S3Config{}).S3 },
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if err := s.MakeBucket(t.Context(), "backups", true); err != nil {
				t.Fatal(err)
			}
			put(t, s, s.Root, "a/b:c", "content")
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := get(t, s, s.Root, "a/b:c"); got != "content" {
				t.Errorf("the object reads %q", got)
			}
			names, err := s.Objects(t.Context(), "backups", "a/")
			if err != nil || len(names) != 1 {
				t.Errorf("listing: %q, %v", names, err)
			}
		})
	}
}

func TestAnExpiredServerCertificateIsRefused(t *testing.T) {
	for name, s := range map[string]*server.S3{
		"minio":     servertest.MinIO(t, server.S3Config{ExpiredCert: true}).S3,
		"versitygw": servertest.VersityGW(t, server.S3Config{ExpiredCert: true}).S3,
	} {
		var refused x509.CertificateInvalidError
		err := s.MakeBucket(t.Context(), "backups", false)
		if !errors.As(err, &refused) || refused.Reason != x509.Expired {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPlainServerSpeaksHTTPAlsoThroughAProxy(t *testing.T) {
	s := servertest.VersityGW(t, server.S3Config{Plain: true})
	if err := s.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(s.EndpointAt(servertest.Proxy(t, s.Address).Address) + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("health: %s", resp.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestAUserHasTheRightsThatWereGivenAndNoOthers(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	if err := m.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	user, err := m.AddUser(t.Context(), "backups", server.List, server.Read, server.Write)
	if err != nil {
		t.Fatal(err)
	}
	put(t, m.S3, user, "x", "content")
	if got := get(t, m.S3, user, "x"); got != "content" {
		t.Errorf("the object reads %q", got)
	}
	if code := deleteCode(t, m.S3, user, "x"); code != "AccessDenied" {
		t.Errorf("deleting without the right: %q", code)
	}
}

func TestRevokedTemporaryCredentialsAreUnknown(t *testing.T) {
	m := servertest.MinIO(t, server.S3Config{})
	if err := m.MakeBucket(t.Context(), "backups", false); err != nil {
		t.Fatal(err)
	}
	user, err := m.AddUser(t.Context(), "backups", server.List, server.Read, server.Write, server.Delete)
	if err != nil {
		t.Fatal(err)
	}
	temporary, err := m.AssumeRole(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if temporary.SessionToken == "" || temporary.Expires.IsZero() {
		t.Errorf("not temporary: token of %d bytes, expires %s", len(temporary.SessionToken), temporary.Expires)
	}
	put(t, m.S3, temporary, "x", "content")
	if err := m.RevokeTokens(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	if code := deleteCode(t, m.S3, temporary, "x"); code != "InvalidAccessKeyId" {
		t.Errorf("using them afterwards: %q", code)
	}
	again, err := m.AssumeRole(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, m.S3, again, "x"); got != "content" {
		t.Errorf("with new ones the object reads %q", got)
	}
}

func put(t *testing.T, s *server.S3, c server.Credentials, name, content string) {
	t.Helper()
	cli, err := s.Client(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cli.PutObject(t.Context(), "backups", name, bytes.NewBufferString(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

func get(t *testing.T, s *server.S3, c server.Credentials, name string) string {
	t.Helper()
	cli, err := s.Client(c)
	if err != nil {
		t.Fatal(err)
	}
	o, err := cli.GetObject(t.Context(), "backups", name, minio.GetObjectOptions{})
	if err != nil {
		t.Fatalf("get %s: %v", name, err)
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return string(data)
}

func deleteCode(t *testing.T, s *server.S3, c server.Credentials, name string) string {
	t.Helper()
	cli, err := s.Client(c)
	if err != nil {
		t.Fatal(err)
	}
	return minio.ToErrorResponse(cli.RemoveObject(t.Context(), "backups", name, minio.RemoveObjectOptions{})).Code
}
