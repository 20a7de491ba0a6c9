package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestAMistakeInTheConfigFileIsNamedWithItsLine(t *testing.T) {
	for content, want := range map[string]string{
		"node: a\nrepositry: x\n":                        `line 2: unknown field "repositry"`,
		"etcd:\n  endpoint: [a]\n":                       `line 2: unknown field "endpoint"`,
		"repositories: {a: {url: x, s3: {regoin: y}}}\n": `line 1: unknown field "regoin"`,
		"node: a\netcd:\n  endpoints: \"a\"\n":           "line 3: etcd.endpoints is a string, and must be a list",
		"# a remark\nnode: [a]\n":                        "line 2: node is a array, and must be a string",
		"repository: x\n  y: [1\n":                       "line 2: mapping values are not allowed in this context",
		"node: a\nnode: b\n":                             `key "node" already set`,
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, func(string) string { return "" })
		if problem.KindOf(err) != problem.Usage || !strings.Contains(err.Error(), path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", content, err, want)
		}
	}
}
