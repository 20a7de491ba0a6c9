package s3_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

// nowhere takes away everything that the chain could find on the machine that runs the test.
func nowhere(t *testing.T) (home string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return home
}

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkKeys(t *testing.T, accessKey, source string) s3.Keys {
	t.Helper()
	keys, err := s3.NewChain("").Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if keys.AccessKey != accessKey || keys.Source != source || keys.SecretKey.Reveal() != "secret-of-"+accessKey {
		t.Errorf("keys %q from %q with the secret %q, want %q from %q", keys.AccessKey, keys.Source,
			keys.SecretKey.Reveal(), accessKey, source)
	}
	return keys
}

const twoProfiles = `
[default]
aws_access_key_id = from-default
aws_secret_access_key = secret-of-from-default
[backup]
aws_access_key_id = from-backup
aws_secret_access_key = secret-of-from-backup
aws_session_token = token
`

func TestKeysComeFromTheEnvironmentFirst(t *testing.T) {
	home := nowhere(t)
	writeFile(t, filepath.Join(home, ".aws", "credentials"), twoProfiles)
	t.Setenv("AWS_ACCESS_KEY_ID", "from-env")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-from-env")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	if keys := checkKeys(t, "from-env", "environment"); keys.SessionToken.Reveal() != "token" {
		t.Error("the session token is lost")
	}
}

func TestKeysComeFromTheSharedFileAndItsProfile(t *testing.T) {
	home := nowhere(t)
	file := writeFile(t, filepath.Join(home, ".aws", "credentials"), twoProfiles)
	checkKeys(t, "from-default", "shared file")
	t.Setenv("AWS_PROFILE", "backup")
	if keys := checkKeys(t, "from-backup", "shared file"); keys.SessionToken.Reveal() != "token" {
		t.Error("the session token is lost")
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(file, elsewhere); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", elsewhere)
	checkKeys(t, "from-backup", "shared file")
}

// stsAnswer is the token service's.
const stsAnswer = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>from-sts</AccessKeyId><SecretAccessKey>secret-of-from-sts</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

func TestKeysComeFromAWebIdentity(t *testing.T) {
	nowhere(t)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("WebIdentityToken") != "jwt" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/backup" || r.URL.RawQuery != "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, stsAnswer, expires.Format(time.RFC3339))
	}))
	defer server.Close()
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", writeFile(t, filepath.Join(t.TempDir(), "token"), "jwt"))
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/backup")
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	if keys := checkKeys(t, "from-sts", "web identity"); !keys.Expires.Equal(expires) {
		t.Errorf("they expire at %v, want %v", keys.Expires, expires)
	}
	// The node's own role must not stand in for it.
	t.Setenv("AWS_ROLE_ARN", "another")
	_, err := s3.NewChain("").Keys(t.Context())
	if !errors.Is(err, blob.ErrCredentials) || !strings.Contains(err.Error(), "web identity") || strings.Contains(err.Error(), "jwt") {
		t.Errorf("%v, want what became of the web identity, without the token", err)
	}
}

// roleAnswer is what a container's credential service, and instance metadata, answer.
func roleAnswer(accessKey string) string {
	return fmt.Sprintf(`{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":"secret-of-%s","Token":"token","Expiration":%q}`,
		accessKey, accessKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func TestKeysComeFromAContainersService(t *testing.T) {
	nowhere(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(roleAnswer("from-container")))
	}))
	defer server.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL+"/v1/credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", writeFile(t, filepath.Join(t.TempDir(), "token"), "pod-token"))
	if keys := checkKeys(t, "from-container", "container"); keys.Expires.IsZero() {
		t.Error("they do not say when they expire")
	}
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")
	if _, err := s3.NewChain("").Keys(t.Context()); !errors.Is(err, blob.ErrCredentials) || !strings.Contains(err.Error(), "container") {
		t.Errorf("%v, want what became of the container's", err)
	}
}

func TestWithoutKeysTheErrorSaysWhatWasTried(t *testing.T) {
	home := nowhere(t)
	writeFile(t, filepath.Join(home, ".aws", "credentials"), "[other]\naws_access_key_id = x\naws_secret_access_key = y\n")
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for endpoint, want := range map[string]string{server.URL: "404", "": "AWS_EC2_METADATA_DISABLED"} {
		if endpoint != "" {
			t.Setenv("AWS_EC2_METADATA_DISABLED", "")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
		} else {
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		}
		_, err := s3.NewChain("").Keys(t.Context())
		if !errors.Is(err, blob.ErrCredentials) {
			t.Errorf("%v, want ErrCredentials", err)
			continue
		}
		for _, part := range []string{
			"environment: AWS_ACCESS_KEY_ID not set", "shared file: ", "web identity: AWS_WEB_IDENTITY_TOKEN_FILE not set",
			"container: AWS_CONTAINER", "instance role: ", want,
		} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

func TestAProfileThatWasAskedForAndIsMissingEndsTheSearch(t *testing.T) {
	nowhere(t)
	t.Setenv("AWS_PROFILE", "missing")
	_, err := s3.NewChain("").Keys(t.Context())
	if !errors.Is(err, blob.ErrCredentials) || !strings.Contains(err.Error(), "missing") || strings.Contains(err.Error(), "instance role") {
		t.Errorf("%v, want the profile's name and no further search", err)
	}
}

func TestTheStoreSaysAsWhomItActs(t *testing.T) {
	nowhere(t)
	store, err := s3.New(s3.Config{Bucket: "backups"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Identity(t.Context()); !errors.Is(err, blob.ErrCredentials) {
		t.Errorf("Identity without keys: %v, want ErrCredentials", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "from-env")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	if key, source, err := store.Identity(t.Context()); err != nil || key != "from-env" || source != "environment" {
		t.Errorf("Identity: %q, %q, %v", key, source, err)
	}
}
