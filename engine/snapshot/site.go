package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// site is where a restore builds: a directory with a name of its own on the target's file system, locked while the
// restore lives, and removed by the next restore when its maker died.
//
// When the data directory does not exist it is built beside it and renamed whole. When it exists and is empty (perhaps
// a mount point, which cannot be renamed) it is built inside, and "member" is renamed. Either way one rename makes it
// complete. A separate WAL directory is renamed just before, and journal says so, so that a crash between the two
// leaves nothing that the next restore does not recognise as its own.
type site struct {
	target Target
	root   string // the directory that exists: the parent, or the data directory itself
	dir    string // the temporary directory
	member string // the member directory under construction
	wal    string // the WAL directory under construction
	inside bool
	lock   *os.File
	done   bool
}

const sitePrefix = ".holdfast-restore-"

// walJournal is kept in the temporary directory while a separate WAL directory is being moved into place.
type walJournal struct {
	WALDir string `json:"walDir"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

const journalName = "journal.json"

func newSite(t Target) (*site, error) {
	abs, err := filepath.Abs(t.DataDir)
	if err != nil {
		return nil, err
	}
	t.DataDir = abs
	if t.WALDir != "" {
		if t.WALDir, err = filepath.Abs(t.WALDir); err != nil {
			return nil, err
		}
	}
	s := &site{target: t, root: filepath.Dir(abs)}
	if s.inside, err = existsEmpty(abs); err != nil {
		return nil, err
	}
	if s.inside {
		s.root = abs
	}
	if err := durable.MkdirAll(s.root, 0o700); err != nil {
		return nil, diskProblem("restore into", s.root, err)
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	if err := s.checkWAL(); err != nil {
		return nil, err
	}
	return s, s.create()
}

// existsEmpty tells an existing, empty data directory (remains of an earlier restore aside) from a missing one, and
// refuses any other.
func existsEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, diskProblem("restore into", dir, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), sitePrefix) && e.Name() != "lost+found" {
			return false, &problem.Error{
				Kind: problem.Refused, Op: "restore into", Subject: dir,
				Why:  "the directory is not empty: it holds " + e.Name(),
				Next: "choose another --data-dir, or move this one aside first; it is never overwritten",
			}
		}
	}
	return true, nil
}

func (s *site) checkWAL() error {
	if s.target.WALDir == "" {
		return nil
	}
	if _, err := os.Lstat(s.target.WALDir); err == nil {
		return &problem.Error{
			Kind: problem.Refused, Op: "restore into", Subject: s.target.WALDir, Why: "the WAL directory exists",
			Next: "choose another --wal-dir, or move this one aside first; it is never overwritten",
		}
	}
	parent := filepath.Dir(s.target.WALDir)
	if err := durable.MkdirAll(parent, 0o700); err != nil {
		return diskProblem("restore into", parent, err)
	}
	return nil
}

func (s *site) create() error {
	dir, err := os.MkdirTemp(s.root, sitePrefix+filepath.Base(s.target.DataDir)+"-*")
	if err != nil {
		return diskProblem("restore into", s.root, err)
	}
	s.dir = dir
	if s.lock, err = durable.Lock(dir); err != nil {
		return err
	}
	s.member = filepath.Join(dir, "data", "member")
	s.wal = filepath.Join(s.member, "wal")
	if s.target.WALDir != "" {
		s.wal = filepath.Join(filepath.Dir(s.target.WALDir), filepath.Base(dir)+"-wal")
	}
	return os.MkdirAll(s.member, 0o700)
}

// sync makes all that was built durable.
func (s *site) sync() error {
	if err := durable.SyncTree(filepath.Join(s.dir, "data")); err != nil {
		return err
	}
	if s.target.WALDir != "" {
		return durable.SyncTree(s.wal)
	}
	return nil
}

// publish gives the result its name. After the last rename it is complete; before, it is not there.
func (s *site) publish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.adoptOwner(); err != nil {
		return err
	}
	if s.target.WALDir != "" {
		if err := s.publishWAL(); err != nil {
			return err
		}
	}
	from, to := filepath.Join(s.dir, "data"), s.target.DataDir
	if s.inside {
		from, to = s.member, filepath.Join(s.target.DataDir, "member")
	}
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return diskProblem("restore into", to, err)
	}
	s.done = true
	return durable.SyncDir(filepath.Dir(to))
}

func (s *site) publishWAL() error {
	var stat unix.Stat_t
	if err := unix.Stat(s.wal, &stat); err != nil {
		return err
	}
	journal, err := json.Marshal(walJournal{WALDir: s.target.WALDir, Device: stat.Dev, Inode: stat.Ino})
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(s.dir, journalName), journal, 0o600); err != nil {
		return err
	}
	if err := durable.SyncDir(s.root); err != nil {
		return err
	}
	return durable.Rename(s.wal, s.target.WALDir)
}

// adoptOwner hands the files to the owner of an existing data directory: root restores, the etcd user runs.
func (s *site) adoptOwner() error {
	if !s.inside || os.Geteuid() != 0 {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Stat(s.target.DataDir, &stat); err != nil {
		return err
	}
	for _, tree := range []string{s.member, s.wal} {
		err := filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, int(stat.Uid), int(stat.Gid))
		})
		if err != nil {
			return fmt.Errorf("give %s to its owner: %w", tree, err)
		}
	}
	return nil
}

// discard removes the temporary directory and, unless the data directory was published, the WAL directory that went
// ahead of it.
func (s *site) discard() {
	if s.dir == "" {
		return
	}
	if !s.done {
		removeJournaled(s.dir)
		if s.target.WALDir != "" {
			os.RemoveAll(s.wal)
		}
	}
	os.RemoveAll(s.dir)
	if s.lock != nil {
		s.lock.Close()
	}
}

// sweep removes what dead restores of the same target left behind.
func (s *site) sweep() error {
	remains, err := filepath.Glob(filepath.Join(s.root, sitePrefix+filepath.Base(s.target.DataDir)+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range remains {
		lock, err := durable.Lock(dir)
		if errors.Is(err, durable.ErrLocked) {
			return &problem.Error{
				Kind: problem.Refused, Op: "restore into", Subject: s.target.DataDir,
				Why: "another restore into the same directory is running", Next: "wait for it to end",
			}
		}
		if err != nil {
			continue // it vanished, or is not a directory of ours
		}
		if _, err := os.Lstat(filepath.Join(s.target.DataDir, "member")); err != nil {
			removeJournaled(dir)
		}
		if s.target.WALDir != "" {
			os.RemoveAll(filepath.Join(filepath.Dir(s.target.WALDir), filepath.Base(dir)+"-wal"))
		}
		err = os.RemoveAll(dir)
		lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// removeJournaled removes a WAL directory that was moved into place by a restore which then died, if it is still the
// very directory that the journal names.
func removeJournaled(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		return
	}
	var j walJournal
	var stat unix.Stat_t
	if json.Unmarshal(data, &j) != nil || unix.Lstat(j.WALDir, &stat) != nil {
		return
	}
	if stat.Dev == j.Device && stat.Ino == j.Inode {
		os.RemoveAll(j.WALDir)
	}
}
