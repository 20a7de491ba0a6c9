package etcd

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Restore unpacks a snapshot into the member's directory, which must not exist, with etcd's own program. It leaves what that
// leaves when it fails.
func (m *Member) Restore(ctx context.Context, snapshot string) error {
	// The name is written after: the directory must not be there yet.
	cmd := exec.CommandContext(ctx, m.tool("etcdutl"), "snapshot", "restore", snapshot, "--data-dir="+m.Dir,
		"--name="+m.NodeName, "--initial-cluster="+m.NodeName+"="+m.PeerURL(), "--initial-advertise-peer-urls="+m.PeerURL())
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(line, "Error: "); ok {
			return errors.New(strings.TrimSpace(text))
		}
	}
	return fmt.Errorf("restore %s: %w: %s", snapshot, err, out)
}
