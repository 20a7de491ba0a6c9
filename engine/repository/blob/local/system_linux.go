package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock takes the file's lock without waiting. It belongs to the open file, so a second open in the same process is
// refused too, and it ends with the process however that ends.
func lock(file *os.File) lockResult {
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		return held
	case errors.Is(err, unix.EWOULDBLOCK):
		return heldByOther
	}
	return noLocks
}

// ofThisMachine says that no other machine can have the directory's file system mounted, so that its locks are seen by
// everybody who can write to it. A file system that is not known counts as shared.
func ofThisMachine(root *os.Root) bool {
	dir, err := root.Open(".")
	if err != nil {
		return false
	}
	defer dir.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return false
	}
	switch fs.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, zfsMagic:
		return true
	}
	return false
}

// zfsMagic is not in the kernel's own list.
const zfsMagic = 0x2fc12fc1

// startWriteback asks the kernel to begin writing a range to disk and does not wait. It is advice: what goes wrong
// with the bytes is told by fsync.
func startWriteback(file *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(file.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

// renameExclusive renames only onto a free name.
func renameExclusive(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err != nil {
		return &os.LinkError{Op: "rename exclusively", Old: from, New: to, Err: err}
	}
	return nil
}

// version changes with the content: a replacement is another inode with another time, and a change in place moves
// the change time, which no program can set back.
func version(info fs.FileInfo) string {
	modified := info.ModTime().UnixNano()
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Sprintf("%x-%x", info.Size(), modified)
	}
	return fmt.Sprintf("%x-%x-%x-%x", stat.Ino, info.Size(), modified, stat.Ctim.Nano())
}
