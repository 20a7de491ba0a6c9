package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/test/server"
)

// maxNodes is how many machines a lab can have in its life; their names are in everybody's /etc/hosts from the start.
const maxNodes = 20

// Config describes a lab. The zero value is a good one.
type Config struct {
	// Binds are directories of the host that every machine sees, read-only: path in the machine → path on the host.
	// /opt/tools, the pinned servers and clients, and /opt/bin, what make build builds, are always there.
	Binds map[string]string
}

// Lab is a network with machines on it, and the host. Several labs in one program know nothing of each other.
// Add and Close are not safe for concurrent use.
type Lab struct {
	// HostAddress is where machines reach servers that this process, or a child of it, runs. Its name there is "host".
	HostAddress string
	// Nodes in the order in which they were added, also those that are down.
	Nodes []*Node
	// Number of this lab among those of the program, which share their host. The first is 1.
	Number int

	dir    string
	id     string // also of its bridge
	cgroup cgroup
	image  string
	binds  map[string]string
	closed bool
}

// New makes a lab without machines. The program must run inside (see Main). Close should be called; if the program
// ends without, nothing is left all the same.
func New(ctx context.Context, cfg Config) (*Lab, error) {
	if !Inside() {
		return nil, errors.New("lab.New is called outside a lab; call lab.Main first")
	}
	l, err := newBridge(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.prepare(ctx, cfg); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// newBridge takes the first number for which there is no lab yet.
func newBridge(ctx context.Context) (*Lab, error) {
	for number := 1; ; number++ {
		l := &Lab{Number: number, id: fmt.Sprintf("lab%d", number)}
		err := command(ctx, "ip", "link", "add", l.id, "type", "bridge")
		if err == nil {
			l.HostAddress = l.address(254)
			return l, nil
		}
		if number == 250 || !strings.Contains(err.Error(), "File exists") {
			return nil, err
		}
	}
}

func (l *Lab) prepare(ctx context.Context, cfg Config) error {
	run := os.Getenv(runEnv)
	l.dir = filepath.Join(run, l.id)
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		return err
	}
	h, err := hierarchies()
	if err != nil {
		return err
	}
	l.cgroup = h.group(filepath.Join(filepath.Base(run), l.id))
	if l.image, err = imageDir(); err != nil {
		return err
	}
	if l.binds, err = binds(cfg.Binds); err != nil {
		return err
	}
	return errors.Join(
		command(ctx, "ip", "address", "add", l.HostAddress+"/24", "dev", l.id),
		command(ctx, "ip", "link", "set", l.id, "up"),
	)
}

func binds(more map[string]string) (map[string]string, error) {
	root, err := server.Root()
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"/opt/tools": filepath.Join(root, ".cache", "tools"),
		"/opt/bin":   filepath.Join(root, "bin"),
	}
	for inside, outside := range more {
		all[inside] = outside
	}
	for _, outside := range all {
		if err := os.MkdirAll(outside, 0o755); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// address of a machine by its number; 254 is the host.
func (l *Lab) address(n int) string { return fmt.Sprintf("10.99.%d.%d", l.Number, n) }

// hosts is /etc/hosts of every machine.
func (l *Lab) hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	fmt.Fprintf(&b, "%s %s\n", l.HostAddress, Host)
	for n := 1; n <= maxNodes; n++ {
		fmt.Fprintf(&b, "%s %s\n", l.address(n), nodeName(n))
	}
	return b.String()
}

func nodeName(n int) string { return fmt.Sprintf("node%d", n) }

// Add brings new machines to the lab, called node1, node2, … in the order in which they come, and boots them.
func (l *Lab) Add(ctx context.Context, count int) ([]*Node, error) {
	if len(l.Nodes)+count > maxNodes {
		return nil, fmt.Errorf("a lab has at most %d machines in its life", maxNodes)
	}
	var added []*Node
	for range count {
		n := l.newNode(len(l.Nodes) + 1)
		l.Nodes = append(l.Nodes, n)
		added = append(added, n)
	}
	err := each(added, func(n *Node) error {
		if err := n.create(ctx); err != nil {
			return err
		}
		return n.Start(ctx)
	})
	return added, err
}

// Close takes all power and removes everything. It is safe to call more than once.
func (l *Lab) Close() error {
	if l.closed {
		return nil
	}
	l.closed = true
	ctx := context.Background() // each step is bounded
	err := each(l.Nodes, func(n *Node) error { return n.remove(ctx) })
	return errors.Join(err, l.Unpartition(ctx), command(ctx, "ip", "link", "delete", l.id), l.cgroup.remove(), os.RemoveAll(l.dir))
}

// each does one thing to several machines at the same time.
func each(nodes []*Node, do func(*Node) error) error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			if err := do(n); err != nil {
				errs[i] = fmt.Errorf("%s: %w", n.Name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
