// Command shell brings up a lab of three machines with a three-member etcd, and opens a shell on the host beside them.
// There the command "lab" does to machines what tests can do: see usage. When the shell ends, so does all of it.
//
// "make lab" runs it. With arguments, those are run in place of the shell.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
	"github.com/holdfast-dev/holdfast/test/server"
)

// startTimeout bounds the time until there is a prompt.
const startTimeout = 5 * time.Minute

func main() {
	if socket := os.Getenv(socketEnv); socket != "" && filepath.Base(os.Args[0]) == "lab" {
		os.Exit(exit(ask(socket, os.Args[1:])))
	}
	machines := flag.Int("machines", 3, "how many machines, each a member of etcd")
	version := flag.String("etcd", "3.6", "version of etcd, or none")
	flag.Parse()
	os.Exit(lab.Main(func() int { return exit(run(*machines, *version, flag.Args())) }))
}

func exit(err error) int {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	return 1
}

func run(machines int, version string, argv []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "holdfast-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := lab.New(ctx, lab.Config{})
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Fprintf(os.Stderr, "starting %d machines …\n", machines)
	if _, err := l.Add(ctx, machines); err != nil {
		return err
	}
	env, err := environment(ctx, l, dir, version)
	if err != nil {
		return err
	}
	c, err := serve(l, filepath.Join(dir, "socket"))
	if err != nil {
		return err
	}
	defer c.Close()
	return shell(l, append(env, socketEnv+"="+filepath.Join(dir, "socket")), argv)
}

// environment is what the shell has beyond our own: the program "lab", an etcdctl that reaches the cluster, and a prompt.
func environment(ctx context.Context, l *lab.Lab, dir, version string) ([]string, error) {
	root, err := server.Root()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(self, filepath.Join(dir, "lab")); err != nil {
		return nil, err
	}
	path := strings.Join([]string{dir, filepath.Join(root, "bin"), os.Getenv("PATH")}, ":")
	env := append(os.Environ(), "PATH="+path, `PS1=lab \w # `)
	if version == "none" {
		return env, nil
	}
	ctl, err := server.Tool("etcdctl-" + version)
	if err != nil {
		return nil, err
	}
	c, err := etcd.Install(ctx, etcd.Config{Dir: filepath.Join(dir, "etcd"), Nodes: l.Nodes, Version: version})
	if err != nil {
		return nil, err
	}
	return append(env, "ETCDCTL_ENDPOINTS="+strings.Join(c.Endpoints(), ","), "ETCDCTL_CACERT="+c.CA,
		"ETCDCTL_CERT="+c.Cert, "ETCDCTL_KEY="+c.Key), os.Symlink(ctl, filepath.Join(dir, "etcdctl"))
}

func shell(l *lab.Lab, env, argv []string) error {
	if len(argv) == 0 {
		argv = []string{"bash", "--norc", "-i"}
		fmt.Fprintf(os.Stderr, "\nThis is a shell on the host, %s; exit ends the lab. There is no way to any other network.\n", l.HostAddress)
		for _, n := range l.Nodes {
			fmt.Fprintf(os.Stderr, "  %s  %s\n", n.Name, n.Address)
		}
		fmt.Fprint(os.Stderr, "\n", usage, "\n")
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	cmd.Dir = cmp.Or(os.Getenv("HOLDFAST_LAB_DIR"), "/")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
