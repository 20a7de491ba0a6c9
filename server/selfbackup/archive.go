package selfbackup

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Names in the archive, which are those in the data directory.
const (
	aboutFile   = "about.json"
	databaseDir = "etcd"
	keysDir     = "keys"
	adminFile   = "kubeconfig"
)

// version of the archive's form.
const version = 1

// about is the first file of an archive.
type about struct {
	Version int       `json:"holdfastServerBackup"`
	Created time.Time `json:"created"`
	Host    string    `json:"host"`
	Tool    string    `json:"tool"`
	// Snapshot is the file in etcd/.
	Snapshot string `json:"snapshot"`
	Revision int64  `json:"revision"`
}

func pack(w io.Writer, cfg Config, b Backup, work string, manifest *snapshot.Manifest) error {
	archive := tar.NewWriter(w)
	text, err := json.MarshalIndent(about{
		Version: version, Created: b.Created, Host: cfg.Host, Tool: cfg.Tool, Snapshot: manifest.File, Revision: manifest.Database.Revision,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(header(aboutFile, int64(len(text)), b.Created)); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	for _, part := range []struct{ from, name string }{
		{cfg.Dir, keysDir}, {cfg.Dir, adminFile}, {work, databaseDir},
	} {
		if err := packTree(archive, part.from, part.name, b.Created); err != nil {
			return fmt.Errorf("pack %s: %w", part.name, err)
		}
	}
	return archive.Close()
}

func header(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatPAX}
}

// packTree adds a file, or all files below a directory.
func packTree(archive *tar.Writer, root, name string, at time.Time) error {
	return filepath.WalkDir(filepath.Join(root, name), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(header(filepath.ToSlash(relative), info.Size(), at)); err != nil {
			return err
		}
		_, err = io.Copy(archive, f)
		return err
	})
}

// expected tells whether a name may be in an archive. A backup is only as trustworthy as its repository when it is
// sealed with a public key, so nothing may lead out of the directory.
func expected(name string) bool {
	if path.Clean(name) != name || strings.Contains(name, "\\") {
		return false
	}
	return slices.Contains([]string{aboutFile, adminFile}, name) ||
		slices.Contains([]string{keysDir, databaseDir, databaseDir + "/.metadata"}, path.Dir(name)) && path.Base(name) != ".."
}

// unpack writes an archive's files below dir.
func unpack(r io.Reader, dir string) (*about, error) {
	archive := tar.NewReader(r)
	var is *about
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg || !expected(h.Name) {
			return nil, fmt.Errorf("%q does not belong into a backup", h.Name)
		}
		if is == nil {
			if is, err = readAbout(h, archive); err != nil {
				return nil, err
			}
			continue
		}
		if err := unpackFile(archive, filepath.Join(dir, filepath.FromSlash(h.Name))); err != nil {
			return nil, err
		}
	}
	if is == nil {
		return nil, errors.New("it is empty")
	}
	// What follows the archive is read as well: age says at the end whether all of it is genuine.
	_, err := io.Copy(io.Discard, r)
	return is, err
}

func readAbout(h *tar.Header, r io.Reader) (*about, error) {
	is := &about{}
	if h.Name != aboutFile {
		return nil, fmt.Errorf("it begins with %s and not with %s", h.Name, aboutFile)
	}
	if err := json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(is); err != nil {
		return nil, fmt.Errorf("%s: %w", aboutFile, err)
	}
	if is.Version != version {
		return nil, fmt.Errorf("it has form %d, and this program knows form %d: use the holdfast-server that made it, or a newer one", is.Version, version)
	}
	return is, nil
}

func unpackFile(r io.Reader, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
