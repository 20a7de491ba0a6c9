package k3s

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// killall is the script of the installation that stops the distribution with all that it started, network and mounts
// included; "" where none is installed.
func (n *node) killall() string {
	for _, dir := range []string{filepath.Dir(n.program()), "/usr/local/bin", "/opt/" + n.flavour.Name + "/bin", "/usr/bin"} {
		path := filepath.Join(dir, n.flavour.KillAll)
		if info, err := os.Stat(filepath.Join(n.root, path)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// kill runs the script. It looks for what it kills in the default data directory unless it is told of another.
func (n *node) kill(ctx context.Context, script string) error {
	cmd := exec.CommandContext(ctx, script)
	cmd.Env = append(os.Environ(), n.flavour.Env+"_DATA_DIR="+n.dataDir())
	cmd.WaitDelay = grace
	out := ending{limit: maxLines << 10}
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("run %s: %w: %s", script, err, lines[len(lines)-1])
	}
	return nil
}

// staticPods are those that a server of rke2 writes manifests of. Others in their directory are the administrator's.
var staticPods = []string{"etcd", "kube-apiserver", "kube-controller-manager", "cloud-controller-manager", "kube-scheduler", "kube-proxy"}

// dropManifests removes the manifests of the server's static pods, as the script does: a kubelet that starts would run them
// as they are, before the server has written new ones. Left by a reset, they would make a cluster of one of whatever data
// lies there by then.
func (n *node) dropManifests() error {
	if !n.flavour.Lingers {
		return nil
	}
	var errs []error
	for _, pod := range staticPods {
		path := filepath.Join(n.root, n.dataDir(), "agent", "pod-manifests", pod+".yaml")
		if _, err := os.Lstat(path); err == nil {
			errs = append(errs, durable.Remove(path))
		}
	}
	return errors.Join(errs...)
}
