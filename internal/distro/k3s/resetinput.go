package k3s

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
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

// key is the token that opens the snapshot. Another one is refused here, before anything is done with it: the program would
// notice when it has overwritten the machine's own.
func (r *reset) key(ctx context.Context, path string) (string, error) {
	token, err := r.node.tokenFor(r.cfg.TokenFile)
	if err != nil {
		return "", err
	}
	db, closeDB, err := (&reset{cfg: distro.RestoreConfig{File: path}}).database(ctx)
	if err != nil {
		return "", err
	}
	defer closeDB()
	sealed, err := SealedWith(ctx, db)
	if err != nil {
		return "", err
	}
	return token, r.opens(token, sealed)
}

// handOver writes down what the program proves itself with: the password alone, since the hash before it may be that of
// authorities that are not there any more.
func (r *reset) handOver(token string) error {
	if err := r.node.keeps(token); err != nil {
		return err
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

// keepKeys puts the machine's own keys of Secrets where the reset leaves them alone, when the snapshot has none that would
// open its Secrets. Otherwise the reset makes new ones.
func (r *reset) keepKeys(ctx context.Context) error {
	if !r.node.encryptsSecrets() || len(r.ownKeys()) == 0 {
		return nil
	}
	h, err := r.held(ctx)
	if err != nil || !h.lacksKept() {
		return err
	}
	dir := r.node.at(r.node.serverDir("cred"))
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range encryptionFiles {
		data, err := r.node.readFile(filepath.Join(r.credentials(), name))
		if err == nil {
			err = durable.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the stage is made anew
			return fmt.Errorf("keep the keys of Secrets: %w", err)
		}
	}
	return nil
}

// tokenFor is the token in a file, or without one the machine's own.
func (n *node) tokenFor(file string) (string, error) {
	if file == "" {
		return n.token()
	}
	return given(file)
}

// given is the token in a file that the operation made; empty when it made none.
func given(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

// opens says whether a token opens what is sealed with others of these digests.
func (r *reset) opens(token string, sealed []string) error {
	if slices.Contains(sealed, TokenDigest(token)) {
		return nil
	}
	return r.wrongToken(fmt.Errorf("it is sealed with the token that has the digest %s, and this one has %s",
		strings.Join(sealed, " or "), TokenDigest(token)))
}

// keeps says whether the machine would start with a token after it was restored with it. The configuration wins over what
// the program has written down.
func (n *node) keeps(token string) error {
	configured, err := n.configuredToken(n.config)
	if err != nil {
		return err
	}
	if configured == "" || TokenDigest(configured) == TokenDigest(token) {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "restore with a token that is not in", Subject: n.configFile(),
		Why:  "the configuration has another one (digest " + TokenDigest(configured) + "), with which the server would not start on what is restored",
		Next: "write the token of the snapshot (digest " + TokenDigest(token) + ") into the configuration of every machine of the cluster, or restore the configuration, too",
	}
}

func (r *reset) wrongToken(err error) error {
	return &problem.Error{
		Kind: problem.Denied, Op: "restore", Subject: r.cfg.File, Err: err,
		Why:  "the token is another than the one that the snapshot was taken with",
		Next: "give the restore the token of that time: put it in a Secret and name it in the restore (secretName)",
	}
}

// database opens the snapshot's, unpacked.
func (r *reset) database(ctx context.Context) (*mvcc.File, func(), error) {
	raw, err := isRaw(r.cfg.File)
	if err != nil {
		return nil, nil, err
	}
	file, size, err := r.open(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	db, err := mvcc.Open(file, size)
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("read %s: %w", r.cfg.File, err)
	}
	return db, func() { db.Close(); file.Close() }, nil
}

// open returns a file that begins with the database, and the database's size.
func (r *reset) open(ctx context.Context, raw bool) (*os.File, int64, error) {
	if raw {
		f, err := os.Open(r.cfg.File)
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		return f, info.Size() - snapshot.TrailerSize, nil
	}
	src, err := snapshot.FileSource(r.cfg.File)
	if err != nil {
		return nil, 0, err
	}
	unpacked, err := snapshot.Unpack(ctx, src, r.cfg.Manifest, r.cfg.SpoolDir, nil)
	if err != nil {
		return nil, 0, err
	}
	return unpacked.File, unpacked.Size, nil
}
