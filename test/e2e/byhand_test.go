package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// The commands are run as they are printed, by the shell that a person would paste them into.
func TestWhatByHandPrintsRestoresWithoutHoldfast(t *testing.T) {
	for _, c := range []struct {
		version, compress string
		members           int
		learner           bool
	}{
		{version: "3.5", compress: "none", members: 1},
		{version: "3.6", compress: "zstd", members: 3},
		{version: "3.7", compress: "zip", members: 1, learner: true},
	} {
		t.Run(c.version+"/"+c.compress, func(t *testing.T) {
			t.Parallel()
			e := servertest.Etcd(t, server.EtcdConfig{Version: c.version, Members: c.members, NoFsync: true})
			if _, err := kubedata.Fill(t.Context(), servertest.EtcdClient(t, e), kubedata.Options{Seed: 5, Objects: 200}); err != nil {
				t.Fatal(err)
			}
			hash, err := e.HashKV(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if c.learner {
				if _, err := e.AddLearner(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			u, repo := newUser(t), "--repo=file://"+filepath.Join(t.TempDir(), "the repository")
			flags, _ := reach(e)
			m := ask[saved](u, append([]string{"etcd", "save", repo, "--compress=" + c.compress, "--verify=checksum", "--min-free=0"}, flags...)...)
			dir := followByHand(t, u, c.version, repo, m.File)
			dirs := map[string]string{}
			for _, member := range e.Members[:c.members] {
				dirs[member.Name] = filepath.Join(dir, member.Name+".etcd")
			}
			if err := e.ServeRestored(t.Context(), server.Restored{DataDirs: dirs, Token: "etcd-cluster"}); err != nil {
				t.Fatal(err)
			}
			if got, err := e.HashKV(t.Context(), hash.Revision); err != nil || got != hash {
				t.Errorf("got %+v, %v, want %+v", got, err, hash)
			}
		})
	}
}

func TestWhatByHandPrintsRestoresForeignSnapshots(t *testing.T) {
	m := etcdctlSave(t, "3.6")
	k3s, rke := "on-demand-node1-1652288934", "c-9dmxz-ml-kr56m_2024-05-04T19:39:16Z"
	for name, content := range map[string][]byte{
		"it's a backup.db": m.payload,
		k3s:                m.payload,
		k3s + ".zip":       k3sZip(t, k3s, m.payload),
		rke + ".zip":       rkeZip(t, rke, m.payload),
		"by-hand.db.zst":   zstdOf(t, m.payload),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := t.TempDir()
			write(t, filepath.Join(repo, name), content)
			dir := followByHand(t, newUser(t), m.version, "--repo=file://"+repo, name)
			e := servertest.NewEtcd(t, server.EtcdConfig{Version: m.version})
			dirs := map[string]string{"m1": filepath.Join(dir, "restored.etcd")}
			if err := e.ServeRestored(t.Context(), server.Restored{DataDirs: dirs}); err != nil {
				t.Fatal(err)
			}
			if hash, err := e.HashKV(t.Context(), m.hash.Revision); err != nil || hash != m.hash {
				t.Errorf("got %+v, %v, want %+v", hash, err, m.hash)
			}
		})
	}
}

// followByHand runs what is printed in a new directory, which it returns, with stock tools alone. The one command that
// wants a k3s server to stop is left out.
func followByHand(t *testing.T, u *user, version, repo, file string) string {
	t.Helper()
	o := u.must("repo", "show", repo, file, "--by-hand")
	var script []string
	for line := range strings.Lines(o.stdout) {
		if !strings.HasPrefix(line, "k3s server ") {
			script = append(script, line)
		}
	}
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(servertest.Tool(t, "etcdutl-"+version), filepath.Join(bin, "etcdutl")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.Join(script, ""))
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, o.stdout, out)
	}
	return dir
}
