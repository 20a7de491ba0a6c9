package etcd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// memberLock says "this host is streaming from that member". The kernel gives it back when the process ends, however it
// ends; so a lock is never stale and its file is never removed (removing it would let two processes lock two files of
// one name).
type memberLock struct {
	file *os.File
	once sync.Once
	err  error
}

// lockMember returns ErrStreamBusy at once when the lock is held, by this process too.
func lockMember(dir string, h *pb.ResponseHeader) (*memberLock, error) {
	name := fmt.Sprintf("holdfast-etcd-%s-%s.lock", FormatID(h.GetClusterId()), FormatID(h.GetMemberId()))
	f, err := openLockFile(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("lock the member: %w", err)
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return &memberLock{file: f}, nil
}

// openLockFile opens without creating first: Linux refuses O_CREAT on another user's file in a directory like /tmp.
// Reading rights are enough to lock, so that users share it. A symbolic link is never followed.
func openLockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return os.OpenFile(path, os.O_RDONLY|os.O_CREATE|noFollow, 0o644)
	}
	return f, err
}

// release is safe to call more than once, from several goroutines, and on nil.
func (l *memberLock) release() error {
	if l == nil {
		return nil
	}
	l.once.Do(func() { l.err = l.file.Close() })
	return l.err
}
