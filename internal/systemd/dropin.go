package systemd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// DropIn is a part of a unit's configuration in a file of its own. Those that sort last win.
type DropIn struct {
	// Name without an ending.
	Name string
	Text string
	// Mode of the file; 0 is readable by everybody.
	Mode fs.FileMode
}

// DropInPath is where the unit's drop-in of a name lies.
func (u Unit) DropInPath(name string) string {
	return filepath.Join(u.Root, "etc/systemd/system", u.Name+".d", name+".conf")
}

// Extend gives the unit a drop-in, or replaces the one of that name. It is durable, and in force when it returns.
func (u Unit) Extend(ctx context.Context, d DropIn) error {
	path := u.DropInPath(d.Name)
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if d.Mode == 0 {
		d.Mode = 0o644
	}
	if err := durable.WriteFile(path, []byte(d.Text), d.Mode); err != nil {
		return err
	}
	return u.reload(ctx)
}

// Retract takes a drop-in away. It is durable, and in force when it returns.
func (u Unit) Retract(ctx context.Context, name string) error {
	path := u.DropInPath(name)
	if err := durable.Remove(path); err != nil {
		return err
	}
	if err := os.Remove(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return u.reload(ctx)
}

// Line writes a command as a unit's ExecStart has it. Variables in it stay variables.
func Line(program string, args []string) string {
	words := []string{quote(program)}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`, "\t", `\t`)

func quote(word string) string { return `"` + quoting.Replace(word) + `"` }
