package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/test/server"
)

// Kubectl runs kubectl as an administrator, with a text on its standard input, and returns what it printed.
func (f *Fleet) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	path, err := server.Tool("kubectl")
	if err != nil {
		return "", err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, commandTimeout)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"HOME=" + f.dir, "KUBECONFIG=" + filepath.Join(f.DataDir(), "kubeconfig")}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), errors.Join(err, context.Cause(ctx)), bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// Create makes an object and reads what came of it.
func (f *Fleet) Create(ctx context.Context, object any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	out, err := f.Kubectl(ctx, string(data), "create", "-f", "-", "-o", "json")
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), object)
}

// Get reads an object.
func (f *Fleet) Get(ctx context.Context, into any, kind, namespace, name string) error {
	out, err := f.Kubectl(ctx, "", "get", kind, "-n", namespace, name, "-o", "json")
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// Patch merges a change into an object.
func (f *Fleet) Patch(ctx context.Context, kind, namespace, name, change string) error {
	_, err := f.Kubectl(ctx, "", "patch", kind, "-n", namespace, name, "--type=merge", "-p", change)
	return err
}
