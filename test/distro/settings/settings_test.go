package settings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/test/distro/settings"
)

func TestFilesMergeInOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	for path, content := range map[string]string{
		file:                                      "token: one\nnode-label: [a=1]\ntls-san: [x]\nserver: https://a:6443\nport: 6443\nquiet: true\n",
		filepath.Join(file+".d", "10-more.yaml"):  "node-label+: [b=2]\ntls-san+: y\n",
		filepath.Join(file+".d", "20-reset.yml"):  "tls-san: [z]\nserver: \"\"\n",
		filepath.Join(file+".d", "30-ignored.md"): "token: two\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := settings.Merge(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"token": {"one"}, "node-label": {"a=1", "b=2"}, "tls-san": {"z"}, "server": {""}, "port": {"6443"}, "quiet": {"true"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSettingsBecomeArguments(t *testing.T) {
	merged := map[string][]string{"token": {"one"}, "node-label": {"a=1", "b=2"}}
	args, unknown := settings.Args(merged, func(name string) bool { return name == "node-label" })
	if diff := cmp.Diff([]string{"--node-label=a=1", "--node-label=b=2"}, args); diff != "" {
		t.Errorf("known (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"--token=one"}, unknown); diff != "" {
		t.Errorf("unknown (-want +got)\n%s", diff)
	}
}

func TestAFileIsNamedByEnvironmentBeforeFlag(t *testing.T) {
	for _, c := range []struct {
		args      []string
		env, want string
	}{
		{nil, "", "default"},
		{[]string{"--config", "flag"}, "", "flag"},
		{[]string{"-c=flag"}, "", "flag"},
		{[]string{"--config=flag"}, "env", "env"},
	} {
		if got := settings.File(c.args, c.env, "default"); got != c.want {
			t.Errorf("%v, %q: %s, want %s", c.args, c.env, got, c.want)
		}
	}
}
