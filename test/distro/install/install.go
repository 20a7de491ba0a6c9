// Package install lays a stand-in out as the distribution's own installer does: program, unit, environment file, killall
// script, and the artifacts from which somebody else can install it (surface 1 and 9).
package install

import (
	"embed"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/test/distro"
)

//go:embed files
var files embed.FS

// Role is what a machine runs.
type Role string

// The two units of a distribution.
const (
	Server Role = "server"
	Agent  Role = "agent"
)

// Unit is the name of a role's unit.
func Unit(f distro.Flavor, r Role) string {
	if f.StaticPods() {
		return f.Name + "-" + string(r) + ".service"
	}
	if r == Server {
		return f.Name + ".service"
	}
	return f.Name + "-agent.service"
}

// Program is where the program is installed.
func Program(f distro.Flavor) string { return "/usr/local/bin/" + f.Name }

// Killall is where the script is installed.
func Killall(f distro.Flavor) string { return "/usr/local/bin/" + f.Name + "-killall.sh" }

// Config says how a unit starts the program.
type Config struct {
	Flavor distro.Flavor
	Role   Role
	// Args follow the command in ExecStart, as INSTALL_K3S_EXEC puts them there.
	Args []string
	// Env is the unit's environment file.
	Env map[string]string
}

// Files are what an installer writes: path → content. Scripts end in .sh.
func Files(c Config) (map[string]string, error) {
	unit, err := files.ReadFile("files/" + c.Flavor.Name + ".service")
	if err != nil {
		return nil, err
	}
	killall, err := files.ReadFile("files/" + c.Flavor.Name + "-killall.sh")
	if err != nil {
		return nil, err
	}
	args := string(c.Role)
	for _, arg := range c.Args {
		args += fmt.Sprintf(" \\\n\t'%s'", strings.ReplaceAll(arg, "'", `'\''`))
	}
	dir, name := UnitDir(c.Flavor), Unit(c.Flavor, c.Role)
	env := filepath.Join(dir, name+".env")
	if c.Flavor.StaticPods() {
		env = filepath.Join(dir, strings.TrimSuffix(name, ".service")+".env")
	}
	text := strings.NewReplacer("@ARGS@", args, "@ENV@", env, "@NAME@", strings.TrimSuffix(name, ".service")).Replace(string(unit))
	var lines strings.Builder
	if c.Flavor.StaticPods() {
		lines.WriteString("HOME=/root\n")
	}
	for key, value := range c.Env {
		fmt.Fprintf(&lines, "%s='%s'\n", key, value)
	}
	return map[string]string{filepath.Join(dir, name): text, env: lines.String(), Killall(c.Flavor): string(killall)}, nil
}

// UnitDir is where units are: rke2's is that of the tar archive.
func UnitDir(f distro.Flavor) string {
	if f.StaticPods() {
		return "/usr/local/lib/systemd/system"
	}
	return "/etc/systemd/system"
}
