package restoring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// copyTree copies a file, a link, or a directory with all below it to a name that is free: content, modes, owners, times
// and extended attributes, which is where labels and access lists are. Nothing of the copy is shared with the original in
// a way that a change of one could reach the other. It is on the disk when it returns, except for its own name. Sockets
// and pipes are left out: whoever made them makes them again.
func copyTree(ctx context.Context, from, to string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case 0:
		return copyFile(ctx, from, to, info)
	case fs.ModeDir:
		return copyDir(ctx, from, to, info)
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err == nil {
			err = os.Symlink(target, to)
		}
		return errors.Join(err, imitate(from, to, info))
	case fs.ModeSocket, fs.ModeNamedPipe:
		return nil
	}
	return fmt.Errorf("copy %s: it is a device", from)
}

func copyDir(ctx context.Context, from, to string, info fs.FileInfo) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyTree(ctx, filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	if err := imitate(from, to, info); err != nil {
		return err
	}
	return durable.SyncDir(to)
}

// copyChunk is how much is copied before it is asked whether to go on.
const copyChunk = 64 << 20

func copyFile(ctx context.Context, from, to string, info fs.FileInfo) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer dst.Close()
	for err == nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, err = io.CopyN(dst, src, copyChunk) // in the kernel, and without taking room where the file system can
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if err := imitate(from, to, info); err != nil {
		return err
	}
	if err := dst.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", to, err)
	}
	return dst.Close()
}

// imitate gives a copy all that belongs to the original's inode. The order matters: a new owner takes special modes away,
// and any other change sets the time.
func imitate(from, to string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Lchown(to, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	link := info.Mode().Type() == fs.ModeSymlink
	if !link {
		if err := os.Chmod(to, info.Mode()); err != nil {
			return err
		}
	}
	if err := copyAttributes(from, to); err != nil {
		return err
	}
	at := unix.NsecToTimespec(info.ModTime().UnixNano())
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, to, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "set the time of", Path: to, Err: err}
	}
	return nil
}

// copyAttributes copies the extended attributes.
func copyAttributes(from, to string) error {
	names := make([]byte, 64<<10) // the kernel's limit
	n, err := unix.Llistxattr(from, names)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "list the attributes of", Path: from, Err: err}
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		size, err := unix.Lgetxattr(from, name, value)
		if err == nil {
			err = unix.Lsetxattr(to, name, value[:size], 0)
		}
		if err != nil {
			return &fs.PathError{Op: "copy the attribute " + name + " of", Path: from, Err: err}
		}
	}
	return nil
}
