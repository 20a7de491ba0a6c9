package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The machine has one disk, an ext4 image of 4 GiB that takes space as it is written. It holds what differs from the
// base image (an overlay) and, plainly, /var/lib: etcd and Docker want a real file system.
func (n *Node) diskDir() string { return filepath.Join(n.dir, "disk") }
func (n *Node) libDir() string  { return filepath.Join(n.diskDir(), "lib") }
func (n *Node) rootDir() string { return filepath.Join(n.dir, "root") }

// filler is the file that takes the room on a full disk.
func (n *Node) filler() string { return filepath.Join(n.diskDir(), "filler") }

func (n *Node) createDisk(ctx context.Context) error {
	for _, dir := range []string{n.diskDir(), n.rootDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	file := filepath.Join(n.dir, "disk.img")
	if err := command(ctx, "cp", "--sparse=always", "--reflink=auto", filepath.Join(n.lab.image, "disk.img"), file); err != nil {
		return err
	}
	if err := command(ctx, "mount", "-o", "loop", file, n.diskDir()); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s",
		filepath.Join(n.lab.image, "root"), filepath.Join(n.diskDir(), "upper"), filepath.Join(n.diskDir(), "work"))
	if err := unix.Mount("overlay", n.rootDir(), "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	for path, content := range map[string]string{"etc/hostname": n.Name + "\n", "etc/hosts": n.lab.hosts()} {
		if err := os.WriteFile(filepath.Join(n.rootDir(), path), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeDisk unmounts; what is not mounted is fine. The files go with the machine's directory.
func (n *Node) removeDisk() error {
	for _, dir := range []string{n.rootDir(), n.diskDir()} {
		if err := unix.Unmount(dir, 0); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
	}
	return nil
}

// FillDisk takes all but the given room of the machine's disk, until FreeDisk.
func (n *Node) FillDisk(leave int64) error {
	free, err := n.FreeBytes()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(n.filler(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The blocks are taken, not written.
	if err := unix.Fallocate(int(f.Fd()), 0, info.Size(), max(1, free-leave)); err != nil {
		return fmt.Errorf("fill the disk of %s: %w", n.Name, err)
	}
	return f.Close()
}

// FreeDisk takes back what FillDisk did.
func (n *Node) FreeDisk() error {
	if err := os.Remove(n.filler()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// FreeBytes is the room on the machine's disk.
func (n *Node) FreeBytes() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(n.diskDir(), &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// ReadFile reads a file of the machine, whether it is on or off.
func (n *Node) ReadFile(path string) ([]byte, error) {
	root, name, err := n.open(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, err := root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	return data, nil
}

// WriteFile writes a file of the machine, whether it is on or off, and makes the directories above it that are missing.
// It belongs to root.
func (n *Node) WriteFile(path string, data []byte, perm os.FileMode) error {
	root, name, err := n.open(path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	if err := root.WriteFile(name, data, perm); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	return root.Chmod(name, perm) // whatever the umask, also of a file that was there
}

// open returns the directory tree that holds a path of the machine, and the path in it. Of a machine that is on it is
// what its own process 1 sees, /run and /tmp included. An absolute symbolic link is an error: it would lead to the host.
func (n *Node) open(path string) (*os.Root, string, error) {
	name, ok := strings.CutPrefix(filepath.Clean(path), "/")
	if !ok {
		return nil, "", fmt.Errorf("%s: %s is not absolute", n.Name, path)
	}
	dir := n.rootDir()
	if n.Running() {
		dir = fmt.Sprintf("/proc/%d/root", n.boot.Load().leader)
	} else if below, ok := strings.CutPrefix(name, "var/lib/"); ok {
		dir, name = n.libDir(), below
	}
	root, err := os.OpenRoot(dir)
	return root, name, err
}
