package artifact

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Release is a version's files, on this machine's disk or not yet.
type Release struct {
	store *Store
	// dir they lie in, or will once they are fetched from base.
	dir, base string
	sums      map[string]string
	// Program, Archive and Images are the names of those that there are, each with a sum.
	Program, Archive, Images string
}

// Where the release is, for whoever reads of it.
func (r *Release) Where() string {
	if r.base != "" {
		return r.base
	}
	return r.dir
}

// choose notes which of the files there are.
func (r *Release) choose(exists func(name string) bool) {
	has := func(name string) bool { return name != "" && r.sums[name] != "" && exists(name) }
	n := r.store.names
	if has(n.program) {
		r.Program = n.program
	}
	if has(n.archive) {
		r.Archive = n.archive
	}
	for _, name := range n.images {
		if r.Images == "" && has(name) {
			r.Images = name
		}
	}
}

// Proven compares the program, or the archive with it, with its sum, and tells whether nothing but that says which version it
// is: a directory that is not named after one may hold any.
func (r *Release) Proven(ctx context.Context, version string) (unnamed bool, err error) {
	name := r.Archive
	if name == "" {
		name = r.Program
	}
	f, err := r.verified(ctx, name)
	if err != nil {
		return false, err
	}
	return filepath.Base(r.dir) != version, f.Close()
}

// Unpack writes the program, and the scripts that come with it, each to a path of the caller's: by the names that they have
// once they are installed. A file whose name is not asked for is left out. What it writes was compared with its sum.
func (r *Release) Unpack(ctx context.Context, program string, to map[string]string) error {
	if r.Archive == "" {
		return r.copyFile(ctx, r.Program, to[program], 0o755)
	}
	f, err := r.verified(ctx, r.Archive)
	if err != nil {
		return err
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.Name(), err)
	}
	done := false
	for archive := tar.NewReader(packed); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) && done {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack %s: find %s in it: %w", f.Name(), program, err)
		}
		name := path.Base(head.Name)
		target := to[name]
		if target == "" || head.Typeflag != tar.TypeReg || path.Base(path.Dir(head.Name)) != "bin" {
			continue
		}
		if _, err := copyTo(ctx, target, archive, 0o755); err != nil {
			return fmt.Errorf("unpack %s: %w", f.Name(), err)
		}
		done = done || name == program
	}
}

// CopyImages writes the air-gap archive to a path of the caller's.
func (r *Release) CopyImages(ctx context.Context, to string) error {
	return r.copyFile(ctx, r.Images, to, 0o644)
}

func (r *Release) copyFile(ctx context.Context, name, to string, mode fs.FileMode) error {
	f, err := r.verified(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	// It is hashed once more on its way: it may be changed meanwhile.
	sum, err := copyTo(ctx, to, f, mode)
	if err == nil && sum != r.sums[name] {
		err = errors.Join(r.damaged(name, sum), os.Remove(to))
	}
	return err
}

// verified opens a file whose sum is right.
func (r *Release) verified(ctx context.Context, name string) (*os.File, error) {
	f, err := os.Open(filepath.Join(r.dir, name))
	if err != nil {
		return nil, err
	}
	sum, err := hash(ctx, io.Discard, f)
	if err == nil && sum != r.sums[name] {
		err = r.damaged(name, sum)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (r *Release) damaged(name, sum string) error {
	return &problem.Error{
		Kind: problem.Damaged, Op: "read", Subject: filepath.Join(r.dir, name),
		Why:  "its SHA-256 is " + sum + ", and " + r.store.names.sums + " says " + r.sums[name],
		Next: "bring the file and its sums again, from the same release",
	}
}

// copyTo writes a file, durably, and returns its hash. The name is one that nobody reads before the file is known to be
// whole, so there is no other one for what is half written, which would be left behind by a death.
func copyTo(ctx context.Context, path string, src io.Reader, mode fs.FileMode) (sum string, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if sum, err = hash(ctx, f, src); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return "", err
	}
	return sum, durable.SyncDir(filepath.Dir(path))
}

// hash copies, and returns the SHA-256 of what it copied.
func hash(ctx context.Context, w io.Writer, src io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(io.MultiWriter(w, h), reader(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return src.Read(p)
	}))
	return hex.EncodeToString(h.Sum(nil)), err
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

var sumForm = regexp.MustCompile(`^([0-9a-f]{64})[ \t]+\*?(\S+)$`)

var errNoSum = errors.New("a line of it is no SHA-256 with a name")

// parseSums reads what sha256sum writes: file names → sums.
func parseSums(text string) (map[string]string, error) {
	sums := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		m := sumForm.FindStringSubmatch(line)
		if m == nil {
			return nil, errNoSum
		}
		sums[path.Base(m[2])] = m[1]
	}
	return sums, nil
}
