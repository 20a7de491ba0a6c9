package k3s

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Running implements distro.Driver. A reset is no running distribution, nor is what it has left: a Restore takes both over.
func (d *Driver) Running(ctx context.Context) (bool, error) {
	n, err := d.look(ctx)
	if err != nil {
		return false, err
	}
	running, err := n.unit.Running(ctx)
	if err != nil || running {
		return running, err
	}
	found, err := d.attempts(ctx)
	if err != nil || len(found) > 0 {
		return false, err // their processes can't be told from the distribution's
	}
	left, err := n.alive()
	return len(left) > 0, err
}

// Stop implements distro.Driver. systemctl stop is not enough: containers outlive the unit, and with rke2 etcd and the API
// server are containers, which go on serving.
func (d *Driver) Stop(ctx context.Context) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if err := d.endResets(ctx); err != nil {
		return err
	}
	// Whether the script did its work is looked at afterwards: its exit code says nothing of it.
	var scriptErr error
	if script := n.killall(); script != "" {
		scriptErr = n.kill(ctx, script)
	}
	if err := n.unit.Stop(ctx); err != nil {
		return errors.Join(err, scriptErr)
	}
	if err := n.dropManifests(); err != nil {
		return err
	}
	if err := n.settle(ctx); err != nil {
		return errors.Join(err, scriptErr)
	}
	return nil
}

const (
	settlePoll = 200 * time.Millisecond
	// killAfter so many looks what still lives is killed, and strangerAfter so many a port that is not free belongs to
	// somebody else.
	killAfter, strangerAfter = 25, 50
)

// settle returns when no process of the distribution is alive and nobody listens on its ports. What does not end by itself
// is killed: the containers of a machine without the script, and what it has overlooked.
func (n *node) settle(ctx context.Context) error {
	for look := 1; ; look++ {
		left, err := n.alive()
		if err != nil {
			return err
		}
		held, err := n.listeners(n.ports())
		if err != nil {
			return err
		}
		switch {
		case len(left) == 0 && len(held) == 0:
			return nil
		case len(left) == 0 && look >= strangerAfter:
			return n.stillThere(left, held, nil)
		case look%killAfter == 0:
			for _, p := range left {
				_ = syscall.Kill(p.pid, syscall.SIGKILL) // it may have ended meanwhile; the next look tells
			}
		}
		select {
		case <-time.After(settlePoll):
		case <-ctx.Done():
			return n.stillThere(left, held, context.Cause(ctx))
		}
	}
}

// stillThere names what still lives.
func (n *node) stillThere(left []process, held []listener, cause error) error {
	var what []string
	for _, p := range left {
		what = append(what, p.String()+" is alive")
	}
	for _, l := range held {
		by := n.holder(l)
		if by == "" {
			by = "a process that can't be seen"
		}
		what = append(what, fmt.Sprintf("%s listens on port %d", by, l.port))
	}
	e := &problem.Error{
		Kind: problem.Failed, Op: "stop " + n.flavour.Name + " on this machine, in", Subject: n.dataDir(),
		Why: strings.Join(what, ", "), Next: "end what is named on the machine, then try again", Err: cause,
	}
	if cause == nil {
		e.Kind = problem.Refused
	}
	return e
}

// endResets ends the resets that are under way, and all that others have left.
func (d *Driver) endResets(ctx context.Context) error {
	found, err := d.attempts(ctx)
	for _, a := range found {
		err = errors.Join(err, a.Forget(ctx))
	}
	return err
}
