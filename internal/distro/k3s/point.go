package k3s

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s/config"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// serverDropIn is the name of the files that name the server to join: one of the configuration, which beats the other files
// and the environment, and one of the unit, which is there only where the unit's own command line names a server, because
// that beats every file.
const serverDropIn = "zz-holdfast-server"

// serverFile is the drop-in of the configuration.
func (n *node) serverFile() string {
	return filepath.Join(n.configFile()+".d", serverDropIn+".yaml")
}

// Point implements distro.Driver. A machine that would join that server by itself has neither file.
func (d *Driver) Point(ctx context.Context, server string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if n.exists(n.unit.DropInPath(serverDropIn)) { // what the unit says by itself shows only without it
		if err := n.unit.Retract(ctx, serverDropIn); err != nil {
			return err
		}
		if n, err = d.look(ctx); err != nil {
			return err
		}
	}
	plain, err := n.withoutDropIn()
	if err != nil {
		return err
	}
	if sameURL(plain.String("server", ""), server) {
		return n.removeServerFile()
	}
	if line, changed := n.unnamed(); changed {
		if err := n.unit.Extend(ctx, systemd.DropIn{Name: serverDropIn, Text: line, Mode: 0o600}); err != nil {
			return err
		}
	}
	if err := n.writeServerFile(server); err != nil {
		return err
	}
	return d.pointed(ctx, server)
}

// pointed makes sure that it is so.
func (d *Driver) pointed(ctx context.Context, server string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if have := n.config.String("server", ""); !sameURL(have, server) {
		return &problem.Error{
			Kind: problem.Refused, Op: "have the machine join", Subject: server, Why: "something else says " + have + " after " + n.serverFile(),
			Next: "take the other server: setting away, or give its file a name that sorts before " + filepath.Base(n.serverFile()),
		}
	}
	return nil
}

func sameURL(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

func (n *node) writeServerFile(server string) error {
	value, err := yaml.Marshal(map[string]string{"server": server})
	if err != nil {
		return err
	}
	path := filepath.Join(n.root, n.serverFile())
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	text := "# Written by holdfast-agent: after a restore this machine joins the cluster through another server.\n"
	if server == "" {
		text = "# Written by holdfast-agent: after a restore this machine is the first server, which joins nobody.\n"
	}
	if err := durable.WriteFile(path, append([]byte(text), value...), 0o600); err != nil {
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

// isServer says whether a flag names the server to join.
func isServer(flag string) bool { return flag == "server" || flag == "s" }

// unnamed is a drop-in of the unit whose command line names no server, and whether the unit's own names one. Variables stay
// variables, unless the server is named in one.
func (n *node) unnamed() (text string, changed bool) {
	if !has(n.command.Args, isServer) {
		return "", false
	}
	words := without(n.command.Words, isServer)
	if has(systemd.Expand(words, n.command.Env), isServer) {
		words = without(n.command.Args, isServer)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "$", "$$")
		}
	}
	return "# Written by holdfast-agent: " + n.serverFile() + " names the server to join, which the command line would overrule.\n" +
		"[Service]\nExecStart=\nExecStart=" + systemd.Line(n.command.Program, words) + "\n", true
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
