package k3s

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/escrow"
)

var _ distro.Escrower = (*Driver)(nil)

// escrowed are what a server keeps below its directory and a new machine could not make again. Most of it is in etcd, too,
// sealed with the token; here it is for whoever has to look into it without a server.
var escrowed = []string{"token", "agent-token", "tls", "cred"}

// Escrow implements distro.Escrower: the token, the values that the configuration in a manifest has redacted, keys and
// certificates, and the settings by which Secrets are encrypted. Leaf certificates are left out: a server makes them anew.
func (d *Driver) Escrow(ctx context.Context) (*escrow.Content, error) {
	n, err := d.look(ctx)
	if err != nil || !n.server() {
		return nil, err
	}
	token, err := n.token()
	if err != nil {
		return nil, err
	}
	files, err := n.escrowedFiles()
	if err != nil {
		return nil, err
	}
	return &escrow.Content{Token: token, Secrets: n.secrets(), Files: files}, nil
}

// Opens implements distro.Escrower. The snapshot's keys are sealed with the token that it was taken under.
func (d *Driver) Opens(ctx context.Context, file, spoolDir string) (bool, error) {
	n, err := d.look(ctx)
	if err != nil {
		return false, err
	}
	token, err := n.token()
	if err != nil {
		return false, err
	}
	r := &reset{driver: d, node: n, cfg: distro.RestoreConfig{File: file, SpoolDir: spoolDir}}
	db, closeDB, err := r.database(ctx)
	if err != nil {
		return false, err
	}
	defer closeDB()
	sealed, err := SealedWith(ctx, db)
	return slices.Contains(sealed, TokenDigest(token)), err
}

// secrets are the values that redactedConfig leaves out, by flag. Those of a flag that has several stand on a line each.
func (n *node) secrets() map[string]string {
	all := map[string]string{}
	for _, flag := range append(n.config.Flags(), inherited...) {
		values := n.config.List(flag)
		if value, set := n.config.Lookup(flag); set && len(values) < 2 {
			values = []string{value}
		}
		if slices.ContainsFunc(values, func(value string) bool { return redact(flag, value) != value }) {
			all[flag] = strings.Join(values, "\n")
		}
	}
	return all
}

// allSecrets are the values that no error may hold.
func (n *node) allSecrets() []string {
	var all []string
	for _, values := range n.secrets() {
		all = append(all, strings.Split(values, "\n")...)
	}
	if token, err := n.token(); err == nil {
		all = append(all, token, Password(token))
	}
	return all
}

// escrowedFiles reads them, by path. Links are followed by nobody: what they name is read where it lies, or lies elsewhere.
func (n *node) escrowedFiles() ([]escrow.File, error) {
	var files []escrow.File
	left := int64(repository.MaxEscrow) / 2 // what is sealed takes some more than what it holds
	for _, name := range escrowed {
		top := filepath.Join(n.root, n.serverDir(name))
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a file that went away meanwhile, or none
			}
			if err != nil || !entry.Type().IsRegular() || isLeaf(path) {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if left -= info.Size(); left < 0 {
				return &fs.PathError{Op: "put into escrow", Path: path, Err: escrow.ErrTooLarge}
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			at, err := filepath.Rel(n.root, path)
			files = append(files, escrow.File{Path: "/" + at, Mode: info.Mode().Perm(), Data: data})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// isLeaf says whether a file is the certificate, or the key, of a server or a client: neither a CA's, nor the key that
// tokens of ServiceAccounts are signed with. Kubeconfigs hold none but such.
func isLeaf(path string) bool {
	name := filepath.Base(path)
	switch filepath.Ext(name) {
	case ".crt":
		return !strings.HasSuffix(name, "-ca.crt")
	case ".key":
		return !strings.HasSuffix(name, "-ca.key") && name != "service.key" && name != "service.current.key"
	case ".kubeconfig":
		return true
	}
	return name == "dynamic-cert.json"
}
