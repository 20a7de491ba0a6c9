package settings

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// keys are what a credentials file holds.
type keys struct {
	access, secret, session string
}

// readKeys reads "name = value" lines, with the names that AWS gives to environment variables or to the fields of its
// shared credentials file. Section headers, comments and "export" are allowed, so that either kind of file will do.
func readKeys(path string) (keys, error) {
	var k keys
	data, err := secretFile(path, "the S3 credentials file")
	if err != nil {
		return k, err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			k.access = value
		case "aws_secret_access_key":
			k.secret = value
		case "aws_session_token":
			k.session = value
		}
	}
	if k.access == "" || k.secret == "" {
		return k, &problem.Error{
			Kind: problem.Usage, Op: "read the S3 credentials file", Subject: path,
			Why:  "it does not hold both keys",
			Next: "it needs the lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, and AWS_SESSION_TOKEN=… for temporary ones",
		}
	}
	return k, nil
}

// Password reads a password from a file that only its owner may read, without the line end.
func Password(path string) (string, error) {
	data, err := secretFile(path, "the password file")
	return strings.TrimRight(string(data), "\r\n"), err
}
