package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/test/server"
)

// clusterName is the demo's cluster, and its namespace.
const clusterName = "demo"

// stage is what the demo runs: a manager, and a cluster with an agent for each member.
type stage struct {
	bin, dir string
	cluster  *server.Etcd
	// processes that were started, in that order.
	processes []*server.Process
}

func newStage(bin string) (*stage, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return nil, err
	}
	return &stage{bin: bin, dir: dir}, nil
}

// clear ends everything, the last first, and removes it.
func (s *stage) clear() {
	var errs error
	for i := len(s.processes) - 1; i >= 0; i-- {
		errs = errors.Join(errs, s.processes[i].Stop())
	}
	if s.cluster != nil {
		errs = errors.Join(errs, s.endMembers(), s.cluster.Stop())
	}
	if errs = errors.Join(errs, os.RemoveAll(s.dir)); errs != nil {
		fmt.Fprintf(os.Stderr, "clear up: %v\n", errs)
	}
}

func (s *stage) program(name string) string { return filepath.Join(s.bin, name) }
func (s *stage) kubeconfig() string         { return filepath.Join(s.dir, "manager", "kubeconfig") }

// start runs one of Holdfast's programs in the background.
func (s *stage) start(name, log string, env []string, args ...string) (*server.Process, error) {
	p, err := server.StartProgram(s.program(name), filepath.Join(s.dir, log), env, args...)
	if err != nil {
		return nil, err
	}
	s.processes = append(s.processes, p)
	return p, nil
}

// show runs the command line program as a user would, and shows both.
func (s *stage) show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ holdfast %s\n", strings.Join(args, " "))
	_, err := s.exec(ctx, os.Stdout, args...)
	return err
}

func (s *stage) quiet(ctx context.Context, args ...string) ([]byte, error) {
	return s.exec(ctx, io.Discard, args...)
}

func (s *stage) exec(ctx context.Context, show io.Writer, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.program("holdfast"), args...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_CONFIG_HOME=", "KUBECONFIG="+s.kubeconfig())
	var out, said bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, show)
	cmd.Stderr = io.MultiWriter(&said, show)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("holdfast %s: %w\n%s", strings.Join(args[:2], " "), err, said.Bytes())
	}
	return out.Bytes(), nil
}

// await asks until the answer is yes.
func await(ctx context.Context, what string, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		ok, err := ready()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, errors.Join(err, context.Cause(ctx)))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
