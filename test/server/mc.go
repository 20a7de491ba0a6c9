package server

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Alias is what MCCommand's client calls the server: "server/bucket/object".
const Alias = "server"

// MCCommand prepares MinIO's own client mc, which any S3 server can be used with, as root and with the right
// authority. Its configuration lies below Dir, and the credentials go through the environment. The caller runs it.
func (s *S3) MCCommand(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := Tool("mc")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(s.Dir, "mc")
	if err := s.trustInMC(config); err != nil {
		return nil, fmt.Errorf("configure mc: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"--quiet", "--no-color", "--disable-pager"}, args...)...)
	scheme, host, _ := strings.Cut(s.Endpoint, "://")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + config,
		"MC_CONFIG_DIR=" + config,
		fmt.Sprintf("MC_HOST_%s=%s://%s:%s@%s", Alias, scheme, s.Root.AccessKey, s.Root.SecretKey, host),
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

func (s *S3) trustInMC(config string) error {
	dir := filepath.Join(config, "certs", "CAs")
	if err := os.MkdirAll(dir, 0o700); err != nil || s.CAFile == "" {
		return err
	}
	ca, err := os.ReadFile(s.CAFile)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600)
}

// mc runs the stock client and returns what it printed.
func (s *S3) mc(ctx context.Context, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd, err := s.MCCommand(ctx, args...)
	if err != nil {
		return "", err
	}
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("mc %s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, bytes.TrimSpace(out.Bytes()))
	}
	return out.String(), nil
}
