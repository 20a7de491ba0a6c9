package byhand

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// The AWS command line takes names as they are; ours in URLs are encoded.
func TestByHandNamesTheObjectAsItIsCalled(t *testing.T) {
	for location, want := range map[string]string{
		"s3://bucket/prod/a.db.zst":              "aws s3 cp s3://bucket/prod/a.db.zst ",
		"s3://bucket/sp%20ace/100%25/%C3%BC.zst": "aws s3 cp 's3://bucket/sp ace/100%/ü.zst' ",
		"s3://bucket/c-1-rl-x_2026-01-01T02:00Z": "aws s3 cp s3://bucket/c-1-rl-x_2026-01-01T02:00Z ",
		"s3://bucket/it%27s/a.db.zst":            `aws s3 cp 's3://bucket/it'\''s/a.db.zst' `,
	} {
		h := &hand{entry: &repository.Entry{File: "a.db.zst", Encoding: snapshot.EncodingZstd}}
		h.fetch(location, S3{})
		if commands := commandsOf(h); len(commands) != 1 || !strings.HasPrefix(commands[0], want) {
			t.Errorf("%s: %q", location, commands)
		}
	}
	for file, want := range map[string]string{"-rf.db": "rf.restore.db", "my backup.db": "my-backup.restore.db"} {
		if got := databaseName(&repository.Entry{File: file}); got != want {
			t.Errorf("%s becomes %s, want %s", file, got, want)
		}
	}
}
