package settings

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/secretfile"
)

// Keys are what a credentials file holds.
type Keys struct {
	Access, Secret, Session string
}

// String and GoString hide them.
func (Keys) String() string { return "***" }

// GoString hides them, too.
func (Keys) GoString() string { return "***" }

// ReadKeys reads "name = value" lines, with the names that AWS gives to environment variables or to the fields of its
// shared credentials file. A section header, comments and "export" are allowed, so that either kind of file will do. Of
// several sections it takes the one named default: keys of two profiles must never be mixed.
func ReadKeys(path string) (Keys, error) {
	data, err := secretfile.Read("the S3 credentials file", path, "--s3-credentials-file")
	if err != nil {
		return Keys{}, err
	}
	sections := parseKeys(data)
	k := sections["default"]
	if len(sections) == 1 {
		for _, only := range sections {
			k = only
		}
	}
	if k.Access != "" && k.Secret != "" {
		return k, nil
	}
	p := &problem.Error{
		Kind: problem.Usage, Op: "read the S3 credentials file", Subject: path, Why: "it does not hold both keys",
		Next: "it needs the lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, and AWS_SESSION_TOKEN=… for temporary ones",
	}
	if len(sections) > 1 {
		p.Why = "it holds several profiles, and none named default has both keys"
		p.Next = "leave the option out and name the profile: AWS_SHARED_CREDENTIALS_FILE=" + path + " AWS_PROFILE=…"
	}
	return Keys{}, p
}

// parseKeys reads the sections that hold any keys; "" is the one before the first header.
func parseKeys(data []byte) map[string]Keys {
	sections := map[string]Keys{}
	section := ""
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export ")
		if header, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSpace(strings.TrimSuffix(header, "]"))
		}
		name, value, _ := strings.Cut(line, "=")
		k := sections[section]
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			k.Access = value
		case "aws_secret_access_key":
			k.Secret = value
		case "aws_session_token":
			k.Session = value
		default:
			continue
		}
		sections[section] = k
	}
	return sections
}

// Password reads a password from a file that only its owner may read, without the line end.
func Password(path string) (string, error) {
	data, err := secretfile.Read("the password file", path, "--password-file")
	return strings.TrimRight(string(data), "\r\n"), err
}
