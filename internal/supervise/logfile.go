package supervise

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLog bounds the log of a supervised etcd, and what is kept of the log before it.
const maxLog = 16 << 20

// logFile is what the child writes to. The child outlives the agent, so that nothing between the two can rotate it: no
// pipe, and no new file, since the child holds this one open. What is in it is copied away, and it is cut to nothing; the
// child appends, so it goes on at the new end. A line that is written between the two is lost.
type logFile struct {
	path string
	max  int64
}

func (s *Supervisor) log() logFile {
	return logFile{filepath.Join(s.cfg.StateDir, "supervised.log"), maxLog}
}

// open opens it for a child.
func (l logFile) open() (*os.File, error) {
	return os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// rotate cuts the log when it has become too long, and keeps the end of it beside it. It is cut also when that could not be
// kept: a disk that is full would stop etcd.
func (l logFile) rotate() error {
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= l.max {
		return nil
	}
	if err != nil {
		return err
	}
	if err = l.keep(info.Size()); err != nil {
		err = fmt.Errorf("keep the log of before: %w", err)
	}
	return errors.Join(err, os.Truncate(l.path, 0))
}

// keep copies the end of the log. While no agent was there it may have grown beyond measure.
func (l logFile) keep(size int64) error {
	from, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.Seek(max(0, size-l.max), io.SeekStart); err != nil {
		return err
	}
	temp := l.path + ".1.tmp"
	to, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(temp, l.path+".1")
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}
