// Package console is what every command says things with: where it prints, in which format, how it shows progress,
// and how it tells an operator about an error.
//
// Standard output carries results alone, in the format that -o asks for; everything else goes to standard error. So a
// pipe gets clean JSON, and a person still sees what goes on. The package must not know any command. Start reading at
// [Console].
package console

import (
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"
)

// Console is passed to every command.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	// Version of this program, for manifests and --version.
	Version string
	// Etcd is the command that runs an etcd, for trial restores.
	Etcd []string

	// Format and Quiet are set by the flags -o and --quiet.
	Format Format
	Quiet  bool
}

// Log returns a logger for the engine, which prints warnings as plain lines.
func (c *Console) Log() *slog.Logger {
	level := slog.LevelWarn
	if c.Quiet {
		level = slog.LevelError
	}
	return slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// Terminal returns the width of the terminal behind standard error, and whether there is one.
func (c *Console) Terminal() (int, bool) {
	f, ok := c.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || c.Getenv("TERM") == "dumb" {
		return 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	return width, err == nil && width > 0 && height > 0 // a serial console does not know its size, and no bar would show
}

// Host is this machine's name, as manifests and markers record it.
func (c *Console) Host() string {
	host, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return host
}
