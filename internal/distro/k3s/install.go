package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s/artifact"
)

var _ distro.Kubernetes = (*Driver)(nil)

// artifacts that versions are installed from.
func (d *Driver) artifacts() *artifact.Store {
	return artifact.New(artifact.Config{
		Name: d.cfg.Flavour.Name, Keep: filepath.Join(d.cfg.StateDir, "artifacts"), Dir: d.cfg.ArtifactDir, URL: d.cfg.ArtifactURL,
	})
}

// Installable implements distro.Kubernetes.
func (d *Driver) Installable(ctx context.Context, version string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if have, err := d.version(ctx, n); err == nil && have == version {
		return nil
	}
	if err := n.packaged(); err != nil {
		return err
	}
	release, err := d.artifacts().Find(ctx, version)
	if err == nil {
		err = d.prove(ctx, n, release, version)
	}
	return err
}

// prove makes sure that nothing will be found wrong with a release when the cluster is down. What is elsewhere is brought to
// this machine now.
func (d *Driver) prove(ctx context.Context, n *node, release *artifact.Release, version string) error {
	if err := release.Fetch(ctx); err != nil {
		return err
	}
	unnamed, err := release.Proven(ctx, version)
	if err != nil || !unnamed {
		return err
	}
	dir := filepath.Join(d.cfg.StateDir, "program") // one name: what a death leaves is removed by the next
	defer os.RemoveAll(dir)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	program := filepath.Join(dir, n.flavour.Name)
	if err := release.Unpack(ctx, n.flavour.Name, map[string]string{n.flavour.Name: program}); err != nil {
		return err
	}
	return n.says(ctx, program, version)
}

// Install implements distro.Kubernetes. The program is replaced last, and with it the version: what was cut before is done
// again as a whole. Units stay as they are: they have not changed in years, and the machine's own options stand in them.
func (d *Driver) Install(ctx context.Context, version string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if have, err := d.version(ctx, n); err == nil && have == version {
		return nil
	}
	if err := n.packaged(); err != nil {
		return err
	}
	release, err := d.artifacts().Find(ctx, version)
	if err != nil {
		return err
	}
	if err := n.install(ctx, release, version); err != nil {
		return fmt.Errorf("install %s %s from %s: %w", n.flavour.Name, version, release.Where(), err)
	}
	return nil
}

// packaged refuses to replace what a package manager has installed: it would no longer know what is there.
func (n *node) packaged() error {
	program := n.programFile()
	if dir := filepath.Dir(program); dir != "/usr/bin" && dir != "/bin" {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "replace", Subject: program, Err: distro.ErrNoArtifact,
		Why:  "a package manager has installed it",
		Next: "install the other version with the package manager, and restore without the version",
	}
}

// programFile is the program itself, where its name is a link.
func (n *node) programFile() string {
	if file, err := filepath.EvalSymlinks(n.program()); err == nil {
		return file
	}
	return n.program()
}

// scripts that come with the program, and lie beside it.
func (n *node) scripts() []string {
	return []string{n.flavour.KillAll, n.flavour.Name + "-uninstall.sh"}
}

func (n *node) install(ctx context.Context, release *artifact.Release, version string) error {
	if err := release.Fetch(ctx); err != nil {
		return err
	}
	program := n.programFile()
	names := append(n.scripts(), n.flavour.Name)
	to := map[string]string{}
	for _, name := range names {
		to[name] = filepath.Join(filepath.Dir(n.program()), name) + staged
	}
	to[n.flavour.Name] = program + staged
	if err := release.Unpack(ctx, n.flavour.Name, to); err != nil {
		return err
	}
	if err := n.says(ctx, program+staged, version); err != nil {
		return errors.Join(err, unstage(to))
	}
	if err := n.installImages(ctx, release, version); err != nil {
		return err
	}
	for _, name := range names { // the program last
		if err := put(to[name]); err != nil {
			return err
		}
	}
	return nil
}

// How often, and how long apart, a file is tried that is still open for writing.
const (
	busyTries = 20
	busyWait  = 100 * time.Millisecond
)

// says asks a program for its version before it takes the place of another one.
func (n *node) says(ctx context.Context, program, version string) error {
	c := n.cli()
	c.program = program
	said, err := c.version(ctx)
	// A program that another thread has just started may still hold the file open that was written here.
	for range busyTries {
		if !errors.Is(err, unix.ETXTBSY) || ctx.Err() != nil {
			break
		}
		time.Sleep(busyWait)
		said, err = c.version(ctx)
	}
	if err == nil && said != version {
		err = &problem.Error{
			Kind: problem.Refused, Op: "install", Subject: version, Err: distro.ErrNoArtifact, Why: "the program that was found says that it is " + said,
			Next: "bring that release, in a directory with its version as the name",
		}
	}
	return err
}

// unstage removes what does not take the place of anything.
func unstage(to map[string]string) error {
	var errs []error
	for _, path := range to {
		errs = append(errs, durable.Remove(path))
	}
	return errors.Join(errs...)
}

// put gives a staged file its name. What was there is gone: a copy of it is in the undo set. One that the release has not is
// left as it is.
func put(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	name := strings.TrimSuffix(path, staged)
	if err := keepLabel(name, path); err != nil {
		return err
	}
	return durable.Rename(path, name)
}

// keepLabel gives a new file the SELinux label of the one that it replaces: without it the program may start nothing.
func keepLabel(from, to string) error {
	const label = "security.selinux"
	value := make([]byte, 1<<10)
	size, err := unix.Lgetxattr(from, label, value)
	if err == nil {
		err = unix.Lsetxattr(to, label, value[:size], 0)
	}
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "label", Path: to, Err: err}
	}
	return nil
}

// installImages brings the air-gap images, where the release has them, under a name of their version: what is there of
// others is not touched, and they are found again when the machine goes back.
func (n *node) installImages(ctx context.Context, release *artifact.Release, version string) error {
	if release.Images == "" {
		return nil
	}
	dir := n.at(n.dataDir(), "agent", "images")
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, ext, _ := strings.Cut(release.Images, ".tar")
	path := filepath.Join(dir, n.flavour.Name+"-images-"+version+".tar"+ext)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := release.CopyImages(ctx, path+staged); err != nil {
		return err
	}
	return durable.Rename(path+staged, path)
}

// KeepProgram keeps a copy of the installed program under its version, and of programs that snapshots on this machine name:
// those were installed when they were taken, and a restore of one may want its program back. Of others the newest stays.
func (d *Driver) KeepProgram(ctx context.Context, versions []string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	have, err := d.version(ctx, n)
	if err != nil {
		return err
	}
	store := d.artifacts()
	if err := store.Keep(ctx, have, n.program()); err != nil {
		return err
	}
	return store.Prune(append(versions, have))
}
