// Command holdfast-agent runs on every machine of a cluster: it takes, tests, copies and restores snapshots of the machine's
// etcd, and reports to the manager.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/agent"
)

// version is set by the build.
var version = "dev"

// serveEtcd is the hidden first argument with which this program runs as an etcd: trial restores need a real one.
const serveEtcd = "internal-etcd"

// At rest an agent needs little; garbage of a save must not grow beyond this.
const memoryLimit = 84 << 20

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveEtcd {
		etcdmain.Main(append([]string{"etcd"}, os.Args[2:]...))
		return
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end. A second one ends the program at once, whatever it hangs in.
	context.AfterFunc(ctx, stop)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "holdfast-agent:", err)
	if next := problem.NextOf(err); next != "" {
		fmt.Fprintln(os.Stderr, "next:", next)
	}
	os.Exit(int(problem.KindOf(err)))
}

// options are the flags that all commands share.
type options struct {
	stateDir, config string
	verbose          bool
	// daemon logs what it does; a command tells it on its output.
	daemon bool
}

func newCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use: "holdfast-agent", Short: "Back up and restore this machine's etcd", Version: version,
		SilenceErrors: true, SilenceUsage: true,
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.stateDir, "state-dir", agent.DefaultStateDir, "directory for all that the agent keeps")
	flags.StringVar(&o.config, "config", "", "config file (default "+agent.DefaultFile+" if it exists)")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	cmd.AddCommand(newRun(o), newJoin(o), newStatus(o), newUndo(o), newRestore(o), newRejoin(o), newUninstall(o))
	return cmd
}

func newRun(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "Run the agent", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.daemon = true
			cfg, err := o.load()
			if err != nil {
				return err
			}
			a, err := agent.New(cfg)
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
}

func (o *options) load() (agent.Config, error) {
	file, err := agent.Load(o.config)
	if err != nil {
		return agent.Config{}, err
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	stateDir, err := filepath.Abs(o.stateDir)
	if err != nil {
		return agent.Config{}, err
	}
	level := slog.LevelWarn
	if o.daemon {
		level = slog.LevelInfo
	}
	if o.verbose {
		level = slog.LevelDebug
	}
	return agent.Config{
		File: file, StateDir: stateDir, Etcd: []string{self, serveEtcd}, Version: version, Hostname: agent.Hostname(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}, nil
}
