package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// chosen is the repository that a command line, a variable and a config file mean.
func chosen(t *testing.T, file, variable string, args ...string) (Repository, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{"HOLDFAST_CONFIG": path, "HOLDFAST_REPO": variable}
	f := NewFlags(&console.Console{Getenv: func(name string) string { return environ[name] }})
	cmd := &cobra.Command{}
	f.AddRepository(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f.choose()
}

func TestAFlagBeatsTheVariableWhichBeatsTheConfigFile(t *testing.T) {
	const file = `
repository: a
repositories:
  a: {url: "s3://b/a", s3: {endpoint: host, region: r, insecure: true}}
  c: {url: "s3://b/c"}
`
	below := S3{Endpoint: "host", Region: "r", Insecure: true}
	for name, c := range map[string]struct {
		variable string
		args     []string
		url      string
		s3       S3
	}{
		"the file alone":          {"", nil, "s3://b/a", below},
		"a variable":              {"c", nil, "s3://b/c", S3{}},
		"a flag":                  {"c", []string{"--repo", "a"}, "s3://b/a", below},
		"a flag that says yes":    {"c", []string{"--s3-insecure"}, "s3://b/c", S3{Insecure: true}},
		"a flag that says no":     {"", []string{"--s3-insecure=false"}, "s3://b/a", S3{Endpoint: "host", Region: "r"}},
		"a flag of another value": {"", []string{"--s3-region", "q"}, "s3://b/a", S3{Endpoint: "host", Region: "q", Insecure: true}},
	} {
		got, err := chosen(t, file, c.variable, c.args...)
		if diff := cmp.Diff(Repository{URL: c.url, S3: c.s3}, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestAnUnknownNameIsToldWithWhereItCameFrom(t *testing.T) {
	const neither = " is neither a URL (file:///dir, s3://bucket/folder) nor a name from the config file, which has "
	const file = "repositories: {b: {url: 'file:///b'}, a: {url: 'file:///a'}}\n"
	for want, c := range map[string]struct {
		file, variable string
		args           []string
	}{
		"--repo x" + neither + "a, b":                         {file, "", []string{"--repo", "x"}},
		"$HOLDFAST_REPO x" + neither + "a, b":                 {file, "x", nil},
		"repository in the config file: x" + neither + "none": {"repository: x", "", nil},
		"--repo /backups is a path: write file:///backups":    {"", "", []string{"--repo", "/backups"}},
		"$HOLDFAST_REPO /b is a path: write file:///b":        {"", "/b", nil},
	} {
		if _, err := chosen(t, c.file, c.variable, c.args...); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
