package snapshot

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot/internal/scratch"
)

// A separate WAL directory is often on a disk of its own, so it takes two renames to publish a restore: first the WAL,
// then the data. A journal in the data's site says which directories are the restore's, so that a crash at any point
// leaves nothing that the next restore does not recognise:
//
//	data still in the site                      nothing is published; a WAL directory under its final name is ours, and goes
//	data gone from the site                     all is published; only the sites are left to remove
type walJournal struct {
	// Site is the scratch directory that the WAL is built in.
	Site string `json:"site"`
	// WALDir is set, with the identity of the directory that was built, just before that is moved there.
	WALDir string `json:"walDir,omitempty"`
	Device uint64 `json:"device,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
}

const journalName = "journal.json"

// checkNesting refuses a WAL directory inside of the data directory, or around it: neither could be renamed whole.
func (s *site) checkNesting() error {
	data, wal := s.target.DataDir+string(filepath.Separator), s.target.WALDir+string(filepath.Separator)
	if s.target.WALDir == "" || !strings.HasPrefix(data, wal) && !strings.HasPrefix(wal, data) {
		return nil
	}
	return &problem.Error{
		Kind: problem.Usage, Op: "restore into", Subject: s.target.DataDir, Why: "--wal-dir " + s.target.WALDir + " overlaps with it",
		Next: "leave --wal-dir out, and the WAL lies in " + filepath.Join(s.target.DataDir, "member", "wal") + "; or choose a directory elsewhere",
	}
}

func (s *site) checkWAL() error {
	if s.target.WALDir == "" {
		return nil
	}
	_, err := os.Lstat(s.target.WALDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return diskProblem("restore into", s.target.WALDir, err)
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "restore into", Subject: s.target.WALDir, Why: "the WAL directory exists",
		Next: "choose another --wal-dir, or move this one aside first; it is never overwritten",
	}
}

func (s *site) walPrefix() string { return sitePrefix + filepath.Base(s.target.WALDir) + "-" }

// createWAL makes the place for a separate WAL, and writes down where it is.
func (s *site) createWAL() (err error) {
	if s.target.WALDir == "" {
		return nil
	}
	parent := filepath.Dir(s.target.WALDir)
	if err := s.mkdirAll(parent); err != nil {
		return diskProblem("restore into", parent, err)
	}
	if s.walDir, err = scratch.Make(parent, s.walPrefix()); err != nil {
		return diskProblem("restore into", parent, err)
	}
	s.wal = filepath.Join(s.walDir.Path, "wal")
	if err := writeJournal(s.dir.Path, walJournal{Site: s.walDir.Path}); err != nil {
		return diskProblem("restore into", s.root(), err)
	}
	return nil
}

func (s *site) publishWAL() error {
	var stat unix.Stat_t
	if err := unix.Stat(s.wal, &stat); err != nil {
		return err
	}
	err := writeJournal(s.dir.Path, walJournal{
		Site: s.walDir.Path, WALDir: s.target.WALDir, Device: stat.Dev, Inode: stat.Ino,
	})
	if err != nil {
		return err
	}
	if err := renameNew(s.wal, s.target.WALDir); err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(filepath.Dir(s.target.WALDir)), durable.SyncDir(s.walDir.Path))
}

func writeJournal(dir string, j walJournal) error {
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, journalName), data, 0o600); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// takeBackWAL removes what a restore has built outside of its site: the WAL's site, and the WAL directory itself when it
// is the very one that the journal names and the data never followed.
func takeBackWAL(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		return
	}
	var j walJournal
	if json.Unmarshal(data, &j) != nil {
		return
	}
	if _, err := os.Lstat(filepath.Join(dir, "data", "member")); err == nil {
		removeIfSame(j)
	}
	if strings.HasPrefix(filepath.Base(j.Site), sitePrefix) {
		_, _ = scratch.Bury(j.Site, nil) // ours or not, what is locked stays; an error comes again at the next sweep
	}
}

func removeIfSame(j walJournal) {
	var stat unix.Stat_t
	if j.WALDir != "" && unix.Lstat(j.WALDir, &stat) == nil && stat.Dev == j.Device && stat.Ino == j.Inode {
		os.RemoveAll(j.WALDir)
	}
}
