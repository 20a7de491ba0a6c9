package etcd

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/supervise"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// supervised is etcd as a child of the agent.
type supervised struct{ *supervise.Supervisor }

func (s supervised) invocation(context.Context) (invocation, error) {
	words, err := s.Command()
	if err != nil {
		return invocation{}, errors.Join(distro.ErrNotInstalled, err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return invocation{}, err
	}
	env := map[string]string{}
	systemd.ParseEnvironment(s.Environment(), env)
	program, args := words[0], words[1:]
	if path, err := exec.LookPath(program); err == nil {
		program = path
	}
	return invocation{program: program, args: args, env: env, dir: dir}, nil
}

func (s supervised) running(context.Context) (bool, error) { return s.Alive() }
func (s supervised) stop(ctx context.Context) error        { return s.Halt(ctx) }
func (s supervised) start(context.Context) error           { return s.Begin() }

// The supervisor looks at the fence file itself.
func (s supervised) bar(context.Context) error   { return nil }
func (s supervised) unbar(context.Context) error { return nil }
