package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot/internal/scratch"
)

// site is where a restore builds: a directory with a name of its own on the target's file system, locked while the
// restore lives, and removed by the next restore when its maker died.
//
// When the data directory does not exist it is built beside it and renamed whole. When it exists and is empty (perhaps
// a mount point, which cannot be renamed) it is built inside, and "member" is renamed. Either way one rename makes it
// complete. A separate WAL directory is renamed just before: see site_wal.go.
type site struct {
	target Target
	inside bool
	dir    *scratch.Dir // of the data
	member string       // the member directory under construction
	walDir *scratch.Dir // of a separate WAL; nil without
	wal    string       // the WAL directory under construction
	// parents were missing and made, outermost first.
	parents []string
	done    bool
}

const sitePrefix = ".holdfast-restore-"

// AsidePrefix begins the names of directories inside a data directory that hold what lay there before: a mount point can't
// be moved aside itself. A data directory with nothing else in it counts as empty.
const AsidePrefix = ".holdfast-aside-"

// newSite looks at the target, removes what dead restores of it left, and refuses what cannot be restored into. It
// makes nothing.
func newSite(t Target) (*site, error) {
	var err error
	if t.DataDir, err = filepath.Abs(t.DataDir); err != nil {
		return nil, err
	}
	if t.WALDir != "" {
		if t.WALDir, err = filepath.Abs(t.WALDir); err != nil {
			return nil, err
		}
	}
	s := &site{target: t}
	if err := s.checkNesting(); err != nil {
		return nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	if s.inside, err = existsEmpty(t.DataDir); err != nil {
		return nil, err
	}
	return s, s.checkWAL()
}

// existsEmpty tells an existing, empty data directory (remains of an earlier restore aside) from a missing one, and
// refuses any other.
func existsEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, requireNoLink(dir)
	}
	if errors.Is(err, unix.ENOTDIR) {
		return false, &problem.Error{
			Kind: problem.Refused, Op: "restore into", Subject: dir, Why: "it is, or lies below, a file", Err: err,
			Next: "choose another --data-dir",
		}
	}
	if err != nil {
		return false, diskProblem("restore into", dir, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), sitePrefix) && !strings.HasPrefix(e.Name(), AsidePrefix) && e.Name() != "lost+found" {
			return false, &problem.Error{
				Kind: problem.Refused, Op: "restore into", Subject: dir,
				Why:  "the directory is not empty: it holds " + e.Name(),
				Next: "choose another --data-dir, or move this one aside first; it is never overwritten",
			}
		}
	}
	return true, nil
}

// requireNoLink refuses a link to a place that does not exist: the last rename would not follow it.
func requireNoLink(dir string) error {
	target, err := os.Readlink(dir)
	if err != nil {
		return nil // no link: nothing at all is there
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "restore into", Subject: dir, Why: "it is a symbolic link to " + target + ", which does not exist",
		Next: "make that directory, or remove the link",
	}
}

// root is the directory that the data is built in.
func (s *site) root() string {
	if s.inside {
		return s.target.DataDir
	}
	return filepath.Dir(s.target.DataDir)
}

// walPeak is what etcd's library takes while it makes a WAL: one preallocated segment, and the next one, which it
// removes again.
var walPeak = 2 * wal.SegmentSizeBytes

// SpaceToRestore is how many bytes a restore of a database of this size takes while it runs.
func SpaceToRestore(size int64) int64 { return size + walPeak }

// claims is the space that a database of this size takes.
func (s *site) claims(size int64) []claim {
	walRoot := s.root()
	if s.target.WALDir != "" {
		walRoot = filepath.Dir(s.target.WALDir)
	}
	return []claim{{s.root(), size}, {walRoot, walPeak}}
}

// create makes what the restore builds in. After an error too, discard must be called.
func (s *site) create() (err error) {
	if err := s.mkdirAll(s.root()); err != nil {
		return diskProblem("restore into", s.root(), err)
	}
	if s.dir, err = scratch.Make(s.root(), s.prefix()); err != nil {
		return diskProblem("restore into", s.root(), err)
	}
	s.member = filepath.Join(s.dir.Path, "data", "member")
	s.wal = filepath.Join(s.member, "wal")
	if err := os.MkdirAll(s.member, 0o700); err != nil {
		return diskProblem("restore into", s.root(), err)
	}
	return s.createWAL()
}

// prefix is what the names of this target's sites begin with.
func (s *site) prefix() string { return sitePrefix + filepath.Base(s.target.DataDir) + "-" }

// sync makes all that was built durable.
func (s *site) sync() error {
	err := durable.SyncTree(filepath.Join(s.dir.Path, "data"))
	if err == nil && s.walDir != nil {
		err = durable.SyncTree(s.wal)
	}
	if err != nil {
		return diskProblem("restore into", s.target.DataDir, err)
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
	if s.walDir != nil {
		if err := s.publishWAL(); err != nil {
			return diskProblem("restore into", s.target.WALDir, err)
		}
	}
	from, to := filepath.Dir(s.member), s.target.DataDir
	if s.inside {
		from, to = s.member, filepath.Join(s.target.DataDir, "member")
	}
	if err := renameNew(from, to); err != nil {
		return diskProblem("restore into", to, err)
	}
	s.done = true
	return durable.SyncDir(filepath.Dir(to))
}

// renameNew renames a directory onto a free name. File systems that do not know such a rename (NFS, some of FUSE) take
// an ordinary one after a look: the kernel then still refuses a target that is a file, or a directory with content.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// adoptOwner hands the files to the owner of an existing data directory: root restores, the etcd user runs.
func (s *site) adoptOwner() error {
	if !s.inside || os.Geteuid() != 0 {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Stat(s.target.DataDir, &stat); err != nil {
		return diskProblem("restore into", s.target.DataDir, err)
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

// discard removes what was made and, unless the data directory was published, the WAL directory that went ahead of it.
func (s *site) discard() {
	defer s.discardParents()
	if s.dir == nil {
		return
	}
	takeBackWAL(s.dir.Path)
	if s.walDir != nil {
		s.walDir.Remove()
	}
	s.dir.Remove()
}

// mkdirAll makes a directory and remembers which of its parents it made for it.
func (s *site) mkdirAll(dir string) error {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	slices.Reverse(missing)
	s.parents = append(s.parents, missing...)
	return durable.MkdirAll(dir, 0o700)
}

// discardParents removes the directories that were made for a restore which came to nothing, unless somebody has put
// something into them.
func (s *site) discardParents() {
	if s.done {
		return
	}
	for _, dir := range slices.Backward(s.parents) {
		_ = os.Remove(dir)
	}
}

// sweep removes what dead restores of the same target left behind. It comes before every check: what is left of a kill
// must neither fill the disk nor stand in the way of the second try.
func (s *site) sweep() error {
	places := [][2]string{
		{filepath.Dir(s.target.DataDir), s.prefix()},
		{s.target.DataDir, s.prefix()},
	}
	if s.target.WALDir != "" {
		places = append(places, [2]string{filepath.Dir(s.target.WALDir), s.walPrefix()})
	}
	for _, place := range places {
		alive, err := scratch.Sweep(place[0], place[1], takeBackWAL)
		if err != nil && !errors.Is(err, unix.ENOTDIR) {
			return diskProblem("remove what an earlier restore left in", place[0], err)
		}
		if alive {
			return &problem.Error{
				Kind: problem.Refused, Op: "restore into", Subject: s.target.DataDir,
				Why: "another restore into the same directory is running", Next: "wait for it to end",
			}
		}
	}
	return nil
}
