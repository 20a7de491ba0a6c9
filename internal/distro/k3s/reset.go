package k3s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// mark is the note that a reset has begun.
type mark struct {
	// Before are the directories that lay where a reset leaves such, too.
	Before []string `json:"before,omitempty"`
}

func (r *reset) path(name string) string { return filepath.Join(r.dir, name) }

func (r *reset) begun() bool {
	_, err := os.Lstat(r.path("begun"))
	return err == nil
}

// begin starts the program, on a machine that is as if it had never been started.
func (r *reset) begin(ctx context.Context) error {
	if err := r.unit.Forget(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	snapshot, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	token, err := r.key(ctx, snapshot)
	if err != nil {
		return err
	}
	if err := r.configure(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.handOver(token), r.keepKeys(ctx), r.clearOutput()); err != nil {
		return err
	}
	r.cfg.Report("resetting the cluster to the snapshot", "")
	return r.unit.Launch(ctx, systemd.Transient{
		Description: "Restore of etcd by holdfast-agent", Command: r.command(snapshot), Like: like(r.node.unit),
		Output: r.path("output"), Limit: limit(ctx),
	})
}

// like is the unit that a reset is started like. Where there is none, the supervisor knows the environment.
func like(s service) systemd.Unit {
	u, _ := s.(unit)
	return u.Unit
}

// A reset polls for its etcd without any bound of its own, so it is given one.
const (
	usualLimit = time.Hour
	leastLimit = time.Minute
)

// limit is the time that there is, and a minute: whoever waits for the reset ends it before.
func limit(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return usualLimit
	}
	return max(time.Until(deadline), 0) + leastLimit
}

// prepare makes the machine fit for a reset. What an earlier one has left running ends before its files are removed.
func (r *reset) prepare(ctx context.Context) error {
	if err := errors.Join(r.driver.endResets(ctx), r.sweep(), r.node.dropManifests()); err != nil {
		return err
	}
	if err := r.requireQuiet(ctx); err != nil {
		return err
	}
	return r.clear()
}

// configure makes the machine a first server, with a token that the restore was given. A reset is refused where a server is
// named; the flag alone would do, but then the first start would join that one.
func (r *reset) configure(ctx context.Context) error {
	token, err := given(r.cfg.TokenFile)
	if err != nil {
		return err
	}
	if err := r.driver.Point(ctx, distro.Joining{Token: token}); err != nil {
		return err
	}
	r.node, err = r.driver.look(ctx)
	return err
}

// requireQuiet ends what a reset has left running. The distribution itself must not run: what it has open must not be
// killed, nor read.
func (r *reset) requireQuiet(ctx context.Context) error {
	running, err := r.node.unit.Running(ctx)
	if err == nil && running {
		err = fmt.Errorf("restore: %s runs", r.node.unit)
	}
	if err != nil {
		return err
	}
	return r.node.settle(ctx)
}

// resetDirs are what restores have left.
func (d *Driver) resetDirs() ([]string, error) {
	top := filepath.Join(d.cfg.StateDir, "reset")
	entries, err := os.ReadDir(top)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dirs = append(dirs, filepath.Join(top, e.Name()))
	}
	return dirs, nil
}

// sweep removes what earlier restores have left.
func (r *reset) sweep() error {
	dirs, err := r.driver.resetDirs()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if dir == r.dir {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what another restore left: %w", err)
		}
	}
	return nil
}

// replaced is what a reset makes anew.
func (n *node) replaced() []string {
	return []string{n.etcdDir(), n.serverDir("tls"), n.serverDir("cred"), n.resetFlag()}
}

// clear removes what an earlier attempt has made. Before the first one nothing is removed: what lies there then is the old
// data.
func (r *reset) clear() error {
	if r.begun() {
		return errors.Join(r.node.clear(r.node.replaced()...), r.tidy())
	}
	for _, path := range r.node.replaced() {
		if r.node.exists(path) {
			return &problem.Error{
				Kind: problem.Refused, Op: "restore into", Subject: r.node.etcdDir(), Why: path + " is still there",
				Next: "move the old data away first: nothing that might be needed again is removed",
			}
		}
	}
	before, err := r.node.debris()
	if err != nil {
		return err
	}
	note, err := json.Marshal(mark{Before: before})
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(r.path("begun"), note, 0o600)
}

// debris are the copies that resets make of what they replace, which nobody ever removes, and the copy of the database that a
// start makes, and leaves when it fails.
func (n *node) debris() ([]string, error) {
	var all []string
	for _, pattern := range []string{n.serverDir("tls-*"), n.serverDir("db", "etcd-old-*"), n.serverDir("db", "etcd-tmp")} {
		found, err := filepath.Glob(n.at(pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// tidy removes what the reset has left beside its result: copies of keys, the token, the snapshot unpacked. What it said
// stays for people.
func (r *reset) tidy() error {
	for _, name := range []string{"token", "snapshot"} {
		if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	data, err := os.ReadFile(r.path("begun"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	var note mark
	if err := json.Unmarshal(data, &note); err != nil {
		return fmt.Errorf("read when the restore began: %w", err)
	}
	left, err := r.node.debris()
	if err != nil {
		return err
	}
	for _, path := range left {
		if slices.Contains(note.Before, path) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// remove removes all that is known of the reset.
func (r *reset) remove() error {
	if err := os.RemoveAll(r.dir); err != nil {
		return fmt.Errorf("remove what a restore left: %w", err)
	}
	return nil
}

func (r *reset) clearOutput() error {
	if err := os.Remove(r.path("output")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(r.path("output"), nil, 0o600)
}

// overruled are the flags of a server that a reset has to have otherwise, or that are no use to it. Some are named by one
// letter, which can't stand beside the long name.
func overruled(flag string) bool {
	switch flag {
	case "server", "s", "token", "t", "token-file", "cluster-reset", "cluster-reset-restore-path", "etcd-disable-snapshots":
		return true
	}
	return flag == "etcd-s3" || len(flag) > len("etcd-s3-") && flag[:len("etcd-s3-")] == "etcd-s3-"
}

// command is the server's own, and a reset. An empty value takes back what files and the environment say. The token is in a
// file: everybody can read a command line.
func (r *reset) command(snapshot string) []string {
	words := append([]string{r.node.program()}, without(r.node.command.Args, overruled)...)
	return append(words,
		"--cluster-reset", "--cluster-reset-restore-path="+snapshot,
		"--server=", "--token=", "--token-file="+r.path("token"),
		"--etcd-s3=false",                // a path is taken for the name of an object where it is on
		"--etcd-disable-snapshots=false", // some releases restore nothing where they are off
	)
}
