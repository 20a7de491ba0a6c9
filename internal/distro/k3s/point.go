package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s/config"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// serverDropIn is the name of the files that say how the machine joins: one of the configuration, which beats the other files
// and the environment, and one of the unit, which is there only where the unit's own command line says otherwise, because
// that beats every file.
const serverDropIn = "zz-holdfast-server"

// serverFile is the drop-in of the configuration.
func (n *node) serverFile() string {
	return filepath.Join(n.configFile()+".d", serverDropIn+".yaml")
}

// Point implements distro.Kubernetes. A machine that would join so by itself has neither file.
func (d *Driver) Point(ctx context.Context, j distro.Joining) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if j, err = n.complete(j); err != nil {
		return err
	}
	if n.exists(n.unit.OverridePath()) { // what the unit says by itself shows only without it
		if err := n.unit.Retract(ctx); err != nil {
			return err
		}
		if n, err = d.look(ctx); err != nil {
			return err
		}
	}
	says, err := n.lacks(j)
	if err != nil {
		return err
	}
	if len(says) == 0 {
		return n.removeServerFile()
	}
	if words, changed := n.silent(says); changed {
		why := "Written by holdfast-agent: " + n.serverFile() + " says how the machine joins, which the command line would overrule."
		if err := n.unit.Override(ctx, why, n.command.Program, words); err != nil {
			return err
		}
	}
	if err := n.writeServerFile(says); err != nil {
		return err
	}
	return d.pointed(ctx, says)
}

// Pointed are the files by which the machine joins as a restore has decided, and not as its own configuration says.
func (d *Driver) Pointed(ctx context.Context) ([]string, error) {
	n, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	var there []string
	for _, path := range []string{n.serverFile(), n.unit.OverridePath()} {
		if n.exists(path) {
			there = append(there, path)
		}
	}
	return there, nil
}

// complete adds what the machine has by now: it may have got its token by an earlier restore. One that founded the cluster
// has made its token itself, and no configuration has it; a server that joins looks for it there and nowhere else: it ends,
// or, without cluster-init, comes up on SQLite, and empty.
func (n *node) complete(j distro.Joining) (distro.Joining, error) {
	if j.Token != "" {
		return j, nil
	}
	var err error
	if j.Token, err = n.configuredToken(n.config); j.Token != "" || err != nil || j.Server == "" {
		return j, err
	}
	own, err := n.readFile(n.serverDir("token"))
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil // a worker, or a machine that is new: what it lacks it says itself
	}
	j.Token = strings.TrimSpace(string(own))
	return j, err
}

// joining are the settings that the drop-in may hold, with the flags that would overrule them on a command line.
var joining = map[string][]string{"server": {"server", "s"}, "token": {"token", "t", "token-file"}}

// lacks are the settings that the machine does not have without the drop-in. A first server without a token in its
// configuration has it in its own file, where the reset has put it.
func (n *node) lacks(j distro.Joining) (map[string]string, error) {
	plain, err := n.withoutDropIn()
	if err != nil {
		return nil, err
	}
	says := map[string]string{}
	if !sameURL(plain.String("server", ""), j.Server) {
		says["server"] = j.Server
	}
	token, err := n.configuredToken(plain)
	if err != nil {
		return nil, err
	}
	if j.Token != "" && (token != "" || j.Server != "") && Password(token) != Password(j.Token) {
		says["token"] = j.Token
		if plain.String("token-file", "") != "" {
			says["token-file"] = "" // it would win
		}
	}
	return says, nil
}

// pointed makes sure that it is so.
func (d *Driver) pointed(ctx context.Context, says map[string]string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	for flag, want := range says {
		if n.config.String(flag, "") != want {
			return &problem.Error{
				Kind: problem.Refused, Op: "set", Subject: flag, Why: "something else sets it after " + n.serverFile(),
				Next: "take the other setting away, or give its file a name that sorts before " + filepath.Base(n.serverFile()),
			}
		}
	}
	return nil
}

func sameURL(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

func (n *node) writeServerFile(says map[string]string) error {
	settings, err := yaml.Marshal(says)
	if err != nil {
		return err
	}
	path := filepath.Join(n.root, n.serverFile())
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	const text = "# Written by holdfast-agent: how this machine joins the cluster since a restore. An empty server is that of the\n" +
		"# first server, which joins nobody.\n"
	if err := durable.WriteFile(path, append([]byte(text), settings...), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

func (n *node) removeServerFile() error {
	path := filepath.Join(n.root, n.serverFile())
	if _, err := os.Lstat(filepath.Dir(path)); err != nil {
		return nil //nolint:nilerr // without the directory there is no file
	}
	return durable.Remove(path)
}

// silent is a command line that says none of these settings, and whether the service's own says any. Variables stay
// variables, unless one of the settings is in one.
func (n *node) silent(says map[string]string) (words []string, changed bool) {
	said := func(flag string) bool {
		for setting := range says {
			if slices.Contains(joining[setting], flag) {
				return true
			}
		}
		return false
	}
	if !has(n.command.Args, said) {
		return nil, false
	}
	words = without(n.command.Words, said)
	if has(systemd.Expand(words, n.command.Env), said) {
		words = without(n.command.Args, said)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "$", "$$")
		}
	}
	return words, true
}

// withoutDropIn is the configuration that the machine would have without the file.
func (n *node) withoutDropIn() (*config.Config, error) {
	return config.Read(config.Invocation{
		Args: n.command.Args, Env: n.command.Env, Prefix: n.flavour.Env, File: n.flavour.ConfigFile(),
	}, hiding{os.DirFS(n.root), strings.TrimPrefix(n.serverFile(), "/")})
}

// hiding is a file system without one of its files.
type hiding struct {
	fs.FS
	path string
}

// Open implements fs.FS.
func (h hiding) Open(name string) (fs.File, error) {
	if name == h.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return h.FS.Open(name)
}

// ReadDir implements fs.ReadDirFS.
func (h hiding) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(h.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return filepath.Join(name, e.Name()) == h.path }), err
}
