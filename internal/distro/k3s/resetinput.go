package k3s

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// snapshot is the path of the snapshot as the program can restore it in every release: unpacked, with etcd's hash behind
// the database.
func (r *reset) snapshot(ctx context.Context) (string, error) {
	path, err := filepath.Abs(r.cfg.File)
	if err != nil {
		return "", err
	}
	raw, err := isRaw(path)
	if err != nil || raw {
		return path, err
	}
	src, err := snapshot.FileSource(path)
	if err != nil {
		return "", err
	}
	r.cfg.Report("unpacking "+path, "")
	unpacked, err := snapshot.Unpack(ctx, src, r.cfg.Manifest, r.cfg.SpoolDir, nil)
	if err != nil {
		return "", err
	}
	defer unpacked.File.Close()
	to := r.path("snapshot")
	err = durable.Write(to, 0o600, func(w io.Writer) error {
		hash := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, hash), io.NewSectionReader(unpacked.File, 0, unpacked.Size)); err != nil {
			return err
		}
		_, err := w.Write(hash.Sum(nil))
		return err
	})
	return to, err
}

// isRaw says whether a file begins as a database does. What is packed does not.
func isRaw(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, snapshot.SniffSize(""))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, err
	}
	encoding, ok := snapshot.Sniff("", head[:n])
	return ok && encoding == snapshot.EncodingRaw, nil
}

// token writes down what the program proves itself with: the password alone, since the hash before it may be that of
// authorities that are not there any more. One that does not open the snapshot is refused here: the program would notice
// when it has overwritten the machine's own.
func (r *reset) token(ctx context.Context, path string) error {
	token, err := r.node.token()
	if r.cfg.TokenFile != "" {
		var data []byte
		data, err = os.ReadFile(r.cfg.TokenFile)
		token = strings.TrimSpace(string(data))
	}
	if err != nil {
		return err
	}
	sealed, err := sealedWith(ctx, path)
	if err != nil {
		return err
	}
	if !slices.Contains(sealed, TokenDigest(token)) {
		return r.wrongToken(fmt.Errorf("it is sealed with the token that has the digest %s, and this one has %s", strings.Join(sealed, " or "), TokenDigest(token)))
	}
	password := []byte(Password(token) + "\n")
	if err := os.WriteFile(r.path("token"), password, 0o600); err != nil {
		return err
	}
	own := r.node.at(r.node.serverDir("token"))
	if r.node.exists(r.node.serverDir("token")) {
		return nil
	}
	// The program looks for this file when it is given its token in a file, and writes it anew.
	if err := durable.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(own, password, 0o600)
}

// sealedWith are the digests of the tokens that open a snapshot on the disk.
func sealedWith(ctx context.Context, path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	db, err := mvcc.Open(f, info.Size()-snapshot.TrailerSize)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer db.Close()
	return SealedWith(ctx, db)
}

func (r *reset) wrongToken(err error) error {
	return &problem.Error{
		Kind: problem.Denied, Op: "restore", Subject: r.cfg.File, Err: err,
		Why:  "the token is another than the one that the snapshot was taken with",
		Next: "give the restore the token of that time: put it in a Secret and name it in the restore (secretName)",
	}
}
