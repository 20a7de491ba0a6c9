package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// Node is a machine. Its disk outlives stops, reboots and power cuts. What changes its state is not safe for concurrent
// use; commands and files are.
type Node struct {
	// Name is its host name, "node1".
	Name string
	// Address is its IPv4 address, which never changes.
	Address string

	lab       *Lab
	dir       string
	id        string // unique within the program; also of its network namespace
	cable     string // the lab's end of its cable
	machineID string
	cgroup    cgroup
	boot      atomic.Pointer[boot] // the last one; nil: it never was on
}

func (l *Lab) newNode(number int) *Node {
	name := nodeName(number)
	id := make([]byte, 16)
	rand.Read(id)
	return &Node{
		Name:      name,
		Address:   l.address(number),
		lab:       l,
		dir:       filepath.Join(l.dir, name),
		id:        l.id + "-" + name,
		cable:     fmt.Sprintf("v%d-%s", l.Number, name),
		machineID: hex.EncodeToString(id),
		cgroup:    l.cgroup.below(name),
	}
}

// create buys the machine: a disk with nothing but the system on it, and a cable to the bridge.
func (n *Node) create(ctx context.Context) error {
	if err := n.createDisk(ctx); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if err := n.connect(ctx); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return n.cgroup.create()
}

// Start turns the machine on and returns when systemd has reached basic.target: units may still be starting.
func (n *Node) Start(ctx context.Context) error {
	if n.Running() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	b, err := n.launch(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	n.boot.Store(b)
	// A transient unit waits for basic.target itself; before there is a systemd to ask, asking fails.
	err = Until(ctx, n.Name+" to boot", func(ctx context.Context) error {
		if !n.Running() {
			return fmt.Errorf("%w; its console ends with:\n%s", errGone, n.Console())
		}
		_, err := n.Run(ctx, "true")
		return err
	})
	if err != nil {
		return errors.Join(err, n.PowerCut(context.WithoutCancel(ctx)))
	}
	return nil
}

// Running reports whether the machine is on. One that hangs is.
func (n *Node) Running() bool {
	b := n.boot.Load()
	return b != nil && b.running()
}

// Stop shuts the machine down in order, as its power button does: units are stopped, what is written is kept.
func (n *Node) Stop(ctx context.Context) error {
	if !n.Running() {
		return nil
	}
	if err := n.boot.Load().signal(syscall.SIGTERM); err != nil {
		return err
	}
	return n.awaitOff(ctx)
}

// Reboot has the machine restart itself and returns when it is up again.
func (n *Node) Reboot(ctx context.Context) error {
	if _, err := n.Run(ctx, "systemctl", "--no-block", "reboot"); err != nil {
		return fmt.Errorf("reboot %s: %w", n.Name, err)
	}
	if err := n.awaitOff(ctx); err != nil {
		return err
	}
	return n.Start(ctx)
}

// awaitOff waits until the machine has shut itself down. One that does not loses its power, and that is an error.
func (n *Node) awaitOff(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case <-n.boot.Load().done:
		return n.cgroup.wait(ctx, "populated 0")
	case <-ctx.Done():
		err := fmt.Errorf("%s did not shut down: %w; its console ends with:\n%s", n.Name, context.Cause(ctx), n.Console())
		return errors.Join(err, n.PowerCut(context.WithoutCancel(ctx)))
	}
}

// PowerCut ends every process of the machine at the same moment, systemd too. What they had written to files is kept,
// synced or not: the host's page cache has not lost its power. A machine that is off is fine.
func (n *Node) PowerCut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if err := n.cgroup.kill(ctx); err != nil {
		return fmt.Errorf("cut the power of %s: %w", n.Name, err)
	}
	if n.boot.Load() == nil {
		return nil
	}
	select {
	case <-n.boot.Load().done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cut the power of %s: %w", n.Name, context.Cause(ctx))
	}
}

// Hang stops all that the machine does. Its connections stay open and nothing answers; its clock goes on.
func (n *Node) Hang(ctx context.Context) error { return n.freeze(ctx, true) }

// Thaw lets a machine that hangs go on.
func (n *Node) Thaw(ctx context.Context) error { return n.freeze(ctx, false) }

func (n *Node) freeze(ctx context.Context, frozen bool) error {
	if !n.Running() {
		return fmt.Errorf("hang or thaw %s: %w", n.Name, errGone)
	}
	return n.cgroup.freeze(ctx, "payload", frozen)
}

// remove takes the machine out of the lab for good.
func (n *Node) remove(ctx context.Context) error {
	if err := n.PowerCut(ctx); err != nil {
		return err
	}
	return errors.Join(n.disconnect(ctx), n.removeDisk(), n.cgroup.remove(), os.RemoveAll(n.dir))
}
