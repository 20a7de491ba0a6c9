package snapshot

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// DefaultSpoolDir is where large temporary files go when nobody says otherwise: TMPDIR, else /var/tmp, because /tmp is
// often memory.
func DefaultSpoolDir() string {
	if dir := os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	return "/var/tmp"
}

// spoolFile is a temporary file that has no name, readable by nobody else: whatever ends the process frees its space.
type spoolFile struct {
	*os.File
	dir string
}

// newSpool makes one in a directory.
func newSpool(dir string) (*spoolFile, error) {
	f, err := openUnnamed(dir)
	if err != nil {
		return nil, spoolProblem(dir, err)
	}
	return &spoolFile{f, dir}, nil
}

// Write says which disk is full when one is: the spool's is often neither the repository's nor the target's.
func (s *spoolFile) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err != nil {
		err = spoolProblem(s.dir, err)
	}
	return n, err
}

func spoolProblem(dir string, err error) error {
	err = diskProblem("write a temporary file in", dir, err)
	if p, ok := err.(*problem.Error); ok { //nolint:errorlint // diskProblem returns it bare
		p.Next = "free some space there or choose another directory with --spool-dir; nothing was left behind"
	}
	return err
}

// openUnnamed makes a file that never had a name, so that a kill at the wrong moment leaves none behind. Not every file
// system can; other troubles than that openNamed meets too, and names them better.
func openUnnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return openNamed(dir)
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, "spool")), nil
}

// openNamed is for file systems that cannot make a file without a name: it takes the name away at once.
func openNamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".holdfast-spool-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
