package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// socketEnv names the socket on which the lab's program takes what the command "lab" is told.
const socketEnv = "HOLDFAST_LAB_SOCKET"

// controlTimeout bounds one command, which boots a machine at most.
const controlTimeout = 5 * time.Minute

const usage = `  lab on MACHINE [COMMAND…]     a shell, or a command, on a machine
  lab start|stop|reboot MACHINE
  lab power-cut MACHINE         everything on it ends at once
  lab hang|thaw MACHINE         nothing on it runs, its connections stay open
  lab cut|heal MACHINE          its network cable
  lab partition A [B…] / C [D…] groups that don't reach each other; "host" is the host
  lab unpartition
  lab fill|free MACHINE         its disk, but for a MiB
  lab add                       one more machine, without etcd
  etcdctl …                     from the host, as an administrator
`

// question is a command, and whether who asks sits at a terminal.
type question struct {
	Argv     []string
	Terminal bool
}

// answer to a command. Attach is what the client shall become.
type answer struct {
	Error  string
	Output string
	Attach []string
}

// ask is the client's side.
func ask(socket string, argv []string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	q := question{argv, isTerminal(os.Stdin) && isTerminal(os.Stdout)}
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return err
	}
	var a answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return err
	}
	if a.Error != "" {
		return fmt.Errorf("%s", a.Error)
	}
	fmt.Print(a.Output)
	if len(a.Attach) == 0 {
		return nil
	}
	path, err := exec.LookPath(a.Attach[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, a.Attach, os.Environ())
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// serve answers clients, one command at a time: machines change their state under one hand only.
func serve(l *lab.Lab, socket string) (net.Listener, error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	var one sync.Mutex
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer conn.Close()
				var q question
				if json.NewDecoder(conn).Decode(&q) != nil {
					return
				}
				one.Lock()
				defer one.Unlock()
				json.NewEncoder(conn).Encode(control(l, q))
			}()
		}
	}()
	return listener, nil
}

func control(l *lab.Lab, q question) (a answer) {
	ctx, cancel := context.WithTimeout(context.Background(), controlTimeout)
	defer cancel()
	if err := a.do(ctx, l, q); err != nil {
		a.Error = err.Error()
	}
	return a
}

func (a *answer) do(ctx context.Context, l *lab.Lab, q question) error {
	if len(q.Argv) == 0 {
		q.Argv = []string{"help"}
	}
	switch verb, rest := q.Argv[0], q.Argv[1:]; verb {
	case "help", "-h", "--help":
		a.Output = usage
		return nil
	case "partition":
		return l.Partition(ctx, groups(rest)...)
	case "unpartition":
		return l.Unpartition(ctx)
	case "add":
		added, err := l.Add(ctx, 1)
		if err == nil {
			a.Output = fmt.Sprintf("%s  %s\n", added[0].Name, added[0].Address)
		}
		return err
	default:
		return a.toMachine(ctx, l, verb, rest, q.Terminal)
	}
}

func (a *answer) toMachine(ctx context.Context, l *lab.Lab, verb string, rest []string, terminal bool) (err error) {
	if len(rest) == 0 {
		return fmt.Errorf("unknown: %s\n%s", verb, usage)
	}
	i := slices.IndexFunc(l.Nodes, func(n *lab.Node) bool { return n.Name == rest[0] })
	if i < 0 {
		return fmt.Errorf("there is no machine %s", rest[0])
	}
	n := l.Nodes[i]
	verbs := map[string]func(context.Context) error{
		"start": n.Start, "stop": n.Stop, "reboot": n.Reboot, "power-cut": n.PowerCut, "hang": n.Hang, "thaw": n.Thaw,
		"cut": n.CutNetwork, "heal": n.Heal,
		"fill": func(context.Context) error { return n.FillDisk(1 << 20) },
		"free": func(context.Context) error { return n.FreeDisk() },
	}
	if verb == "on" {
		a.Attach, err = n.Attach(terminal, rest[1:]...)
		return err
	}
	do, ok := verbs[verb]
	if !ok {
		return fmt.Errorf("unknown: %s\n%s", verb, usage)
	}
	return do(ctx)
}

// groups splits what is around slashes.
func groups(words []string) (all [][]string) {
	for part := range strings.SplitSeq(strings.Join(words, " "), "/") {
		all = append(all, strings.Fields(part))
	}
	return all
}
