// Package command is the command line of the stand-ins, on the library that the real ones use, so that the rules about
// flags, aliases, orders and exit codes are the same ones (surface 2 and 3).
//
// Start reading at [Main].
package command

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/child"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	"github.com/holdfast-dev/holdfast/test/distro/settings"
)

// program is one invocation.
type program struct {
	flavor  distro.Flavor
	version string
	log     *logrus.Logger
}

// Main runs a stand-in and returns its exit code.
func Main(flavor distro.Flavor, version string, args []string) int {
	if len(args) > 0 && filepath.Base(args[0]) == child.ShimName {
		return child.Shim(args)
	}
	p := &program{flavor: flavor, version: version, log: logrus.New()}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args, err := p.configured(args)
	if err == nil {
		err = p.app().RunContext(ctx, args)
	}
	if err != nil {
		p.log.Log(logrus.FatalLevel, fmt.Sprintf("Error: %v", err)) // without the exit
		return 1
	}
	return 0
}

func (p *program) app() *cli.App {
	app := cli.NewApp()
	app.Name, app.Usage = p.flavor.Name, "Kubernetes, but a stand-in"
	app.Version = fmt.Sprintf("%s (%s)", p.version, commit)
	cli.VersionPrinter = func(c *cli.Context) {
		fmt.Printf("%s version %s\ngo version %s\n", c.App.Name, c.App.Version, runtime.Version())
	}
	app.Flags = []cli.Flag{&cli.BoolFlag{Name: "debug", EnvVars: []string{p.flavor.Env("DEBUG")}}}
	app.Commands = []*cli.Command{
		{Name: "server", Usage: "Run management server", Flags: p.serverFlags(), Action: p.server, UseShortOptionHandling: true},
		{Name: "agent", Usage: "Run node agent", Flags: p.agentFlags(), Action: p.agent},
		{Name: "etcd-snapshot", Usage: "Manage etcd snapshots", Subcommands: p.snapshotCommands()},
		{Name: "secrets-encrypt", Usage: "Control secrets encryption and keys rotation", Subcommands: p.encryptCommands()},
	}
	if !p.flavor.StaticPods() {
		app.Commands = append(app.Commands, &cli.Command{
			Name: "kubectl", Usage: "Run kubectl", SkipFlagParsing: true, Action: p.kubectl,
		})
	}
	return app
}

// commit stands for the hash of a release.
const commit = "5ta4d1n0"

// configured puts what files say between the command and its own arguments. For etcd-snapshot that is after the
// subcommand, wherever that stands: with flags before it, the files are lost.
func (p *program) configured(args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	after := map[string]int{"server": 2, "agent": 2, "etcd-snapshot": 3, "secrets-encrypt": 3}[args[1]]
	if after == 0 || len(args) < after {
		return args, nil
	}
	file := settings.File(args[after:], os.Getenv(p.flavor.Env("CONFIG_FILE")), p.flavor.ConfigFile())
	merged, err := settings.Merge(file)
	if err != nil {
		return nil, err
	}
	flags := p.flagsOf(args[1])
	extra, unknown := settings.Args(merged, func(name string) bool { return flags[name] })
	for _, arg := range unknown {
		p.log.Warnf("Unknown flag %s found in config.yaml, skipping\n", arg)
	}
	return append(append(append([]string{}, args[:after]...), extra...), args[after:]...), nil
}

func (p *program) flagsOf(command string) map[string]bool {
	var flags []cli.Flag
	switch command {
	case "server":
		flags = p.serverFlags()
	case "agent":
		flags = p.agentFlags()
	case "secrets-encrypt":
		flags = p.encryptFlags()
	default:
		flags = p.snapshotFlags()
	}
	names := map[string]bool{}
	for _, f := range flags {
		for _, name := range f.Names() {
			names[name] = true
		}
	}
	return names
}

// kubectl becomes the stock program, with the administrator's kubeconfig unless another is named.
func (p *program) kubectl(c *cli.Context) error {
	pr, err := profile.Load(profile.Path)
	if err != nil {
		return err
	}
	path := filepath.Join(pr.Tools, "kubectl")
	if _, err := exec.LookPath(path); err != nil {
		return err
	}
	env := os.Environ()
	if os.Getenv("KUBECONFIG") == "" {
		env = append(env, "KUBECONFIG="+p.flavor.Kubeconfig())
	}
	return syscall.Exec(path, append([]string{"kubectl"}, c.Args().Slice()...), env)
}
