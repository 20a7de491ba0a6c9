package manager

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

func kubeconfig(server string) string {
	return "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{name: a, cluster: {server: " + server + "}}]\n" +
		"contexts: [{name: a, context: {cluster: a, user: a}}, {name: b, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {token: t}}]\n"
}

func TestAFlagBeatsTheEnvironmentWhichBeatsTheUsersOwnFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, server string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(kubeconfig(server)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flag, env := write("flag", "https://flag"), write("env", "https://env")
	write(".config/holdfast/kubeconfig", "https://home")
	write("xdg/holdfast/kubeconfig", "https://xdg")
	for _, test := range []struct {
		flag string
		env  map[string]string
		want string
	}{
		{flag, map[string]string{"KUBECONFIG": env, "HOME": dir}, "https://flag"},
		{"", map[string]string{"KUBECONFIG": env, "HOME": dir}, "https://env"},
		{"", map[string]string{"KUBECONFIG": filepath.Join(dir, "none") + ":" + env}, "https://env"},
		{"", map[string]string{"HOME": dir}, "https://home"},
		{"", map[string]string{"HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "xdg")}, "https://xdg"},
	} {
		f := &Flags{console: &console.Console{Getenv: func(name string) string { return test.env[name] }}, kubeconfig: test.flag}
		config, _, err := f.config()
		if err != nil || config.Host != test.want {
			t.Errorf("%+v: %v, want %s", test, err, test.want)
		}
	}
	f := &Flags{console: &console.Console{Getenv: func(string) string { return "" }}, kubeconfig: flag, context: "c"}
	if _, _, err := f.config(); problem.KindOf(err) != problem.Usage {
		t.Errorf("an unknown context: %v", err)
	}
}
