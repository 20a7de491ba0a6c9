package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestKeysOfTwoProfilesAreNeverMixed(t *testing.T) {
	good := Keys{Access: "a", Secret: "s"}
	for name, c := range map[string]struct {
		file string
		want Keys
		says string
	}{
		"variables":                 {"AWS_ACCESS_KEY_ID=a\nexport AWS_SECRET_ACCESS_KEY='s'\n", good, ""},
		"as written on Windows":     {"\ufeffAWS_ACCESS_KEY_ID=a\r\nAWS_SECRET_ACCESS_KEY=\"s\"\r\n", good, ""},
		"one profile":               {"[prod]\naws_access_key_id = a\naws_secret_access_key = s\nregion = x\n", good, ""},
		"default before others":     {"[default]\naws_access_key_id=a\naws_secret_access_key=s\n[x]\naws_access_key_id=b\naws_secret_access_key=b\n", good, ""},
		"a token of another":        {"[x]\naws_access_key_id=b\naws_secret_access_key=b\naws_session_token=t\n[default]\naws_access_key_id=a\naws_secret_access_key=s\n", good, ""},
		"temporary":                 {"[default]\naws_access_key_id=a\naws_secret_access_key=s\naws_session_token=t\n", Keys{"a", "s", "t"}, ""},
		"several without a default": {"[x]\naws_access_key_id=a\naws_secret_access_key=s\n[y]\naws_access_key_id=b\naws_secret_access_key=b\n", Keys{}, "several profiles"},
		"half a key":                {"AWS_ACCESS_KEY_ID=a\n# AWS_SECRET_ACCESS_KEY=s\n", Keys{}, "both keys"},
		"nothing":                   {"", Keys{}, "both keys"},
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadKeys(path)
		if got != c.want || (err == nil) != (c.says == "") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.says) || problem.NextOf(err) == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARepositoryThatIsNotWhatWasWrittenIsRefused(t *testing.T) {
	for url, says := range map[string]string{
		"file:///backups/a#b":              "# as %23",
		"file:///backups/a#":               "# as %23",
		"file:///backups/a?b":              "? in a name is written as %3F",
		"s3://bucket/a#b":                  "# as %23",
		"s3://bucket/100%":                 "%25",
		"s3://bucket/a?b":                  "neither keys nor options",
		"s3://minio.example.com:9000/b":    "--s3-endpoint",
		"s3://key:secret@bucket/folder":    "neither keys nor options",
		"file://relative/dir":              "three slashes",
		"https://minio.example.com/bucket": "file or s3",
	} {
		_, err := (Repository{URL: url}).parseURL()
		if problem.KindOf(err) != problem.Usage || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"file:///backups/a%23b%20c", "s3://bucket", "s3://bucket/a%3Fb/ü", "s3://dotted.bucket/x"} {
		if _, err := (Repository{URL: url}).parseURL(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
