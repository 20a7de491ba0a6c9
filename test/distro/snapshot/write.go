package snapshot

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// write streams the database to a path, and packs it if asked; it returns the path of what is kept.
func (m *Manager) write(ctx context.Context, path string, compress bool) (string, error) {
	if m.Profile.StreamFails {
		return "", errors.New("rpc error: code = Unavailable desc = error reading from server: EOF")
	}
	stream, err := m.Stream(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	part := path + ".part"
	if err := fill(part, stream); err != nil {
		return "", errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil || !compress {
		return path, err
	}
	if err := pack(path); err != nil {
		return "", err
	}
	return path + ".zip", os.Remove(path)
}

func fill(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}

// pack makes path.zip with one entry.
func pack(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path+".zip", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	z := zip.NewWriter(out)
	w, err := z.CreateHeader(&zip.FileHeader{Name: filepath.Base(path), Method: zip.Deflate})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	return z.Close()
}

// Unpack writes the one entry of a zip beside it, and returns its path.
func Unpack(path string) (string, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer z.Close()
	if len(z.File) != 1 {
		return "", errors.New("zip does not hold exactly one file")
	}
	r, err := z.File[0].Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	to := filepath.Join(filepath.Dir(path), filepath.Base(z.File[0].Name))
	return to, fill(to, r)
}
