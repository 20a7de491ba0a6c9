package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/server"
)

// Cache is where Build puts its work, on the host.
func Cache() (string, error) {
	root, err := server.Root()
	return filepath.Join(root, ".cache", "distro"), err
}

// Build links the program of a version and writes what a release has beside it: k3s and sha256sum-amd64.txt, or
// rke2.linux-amd64.tar.gz and its sums. It returns the directory. Only the version differs, so a second one is linked in
// seconds.
func Build(ctx context.Context, f distro.Flavor, version string) (string, error) {
	root, err := server.Root()
	if err != nil {
		return "", err
	}
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X main.version="+version,
		"-o", filepath.Join(dir, f.Name), "./distro/cmd/"+f.Name)
	cmd.Dir = filepath.Join(root, "test")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s %s: %w\n%s", f.Name, version, err, out)
	}
	return dir, release(ctx, f, dir)
}

// release writes the artifacts, unless they are newer than the program.
func release(ctx context.Context, f distro.Flavor, dir string) error {
	artifact, sums := f.Name, "sha256sum-amd64.txt"
	if f.StaticPods() {
		artifact = "rke2.linux-amd64.tar.gz"
	}
	program, err := os.Stat(filepath.Join(dir, f.Name))
	if err != nil {
		return err
	}
	if done, err := os.Stat(filepath.Join(dir, sums)); err == nil && done.ModTime().After(program.ModTime()) {
		return nil
	}
	if f.StaticPods() {
		if err := archive(ctx, f, dir, artifact); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, artifact))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	return os.WriteFile(filepath.Join(dir, sums), []byte(hex.EncodeToString(sum[:])+"  "+artifact+"\n"), 0o644)
}

// archive packs the layout of the tar release: bin/ and lib/systemd/system/.
func archive(ctx context.Context, f distro.Flavor, dir, name string) error {
	tree, err := os.MkdirTemp(dir, "tree-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	for _, role := range []Role{Server, Agent} {
		all, err := Files(Config{Flavor: f, Role: role})
		if err != nil {
			return err
		}
		for path, content := range all {
			to := filepath.Join(tree, path[len("/usr/local"):])
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(to, []byte(content), mode(path)); err != nil {
				return err
			}
		}
	}
	if err := os.Link(filepath.Join(dir, f.Name), filepath.Join(tree, "bin", f.Name)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "tar", "-C", tree, "--use-compress-program=gzip -1", "-cf", filepath.Join(dir, name), "bin", "lib")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pack %s: %w: %s", name, err, out)
	}
	return nil
}

func mode(path string) os.FileMode {
	switch filepath.Ext(path) {
	case ".sh":
		return 0o755
	case ".env":
		return 0o600
	default:
		return 0o644
	}
}

// Mode is the mode of one of the Files.
func Mode(path string) os.FileMode { return mode(path) }
