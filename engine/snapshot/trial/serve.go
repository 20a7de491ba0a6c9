package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Relative to the child's working directory, which is the scratch directory: the names of unix sockets are short.
const (
	clientSocket = "client.sock"
	peerURL      = "unix://peer.sock"
	clientURL    = "unix://" + clientSocket
)

// serve runs an etcd on the restored directory, and asks it.
func (p *Prover) serve(ctx context.Context, dir string, restored *snapshot.Restored) (version string, err error) {
	child, err := p.start(dir, restored)
	if err != nil {
		return "", err
	}
	defer child.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		<-child.ended
		cancel(errors.New("the etcd that was to serve it ended by itself"))
	}()
	endpoint, release, err := reach(dir)
	if err != nil {
		return "", err
	}
	defer release()
	version, err = ask(ctx, endpoint, restored)
	if err != nil && ctx.Err() != nil {
		// Why the context ended, and not that it did: a child that died would pass for an interruption by the user, and
		// a slow one for a repository that does not answer.
		err = context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%w%s", err, child.lastWords())
	}
	return version, nil
}

// reach returns the child's endpoint. The kernel takes no path of a unix socket that is longer than 107 bytes, and
// scratch directories lie where the operator says: so the path goes through an open directory.
func reach(dir string) (endpoint string, release func(), err error) {
	opened, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("unix:///proc/self/fd/%d/%s", opened.Fd(), clientSocket), func() { opened.Close() }, nil
}

type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
	log   string
}

func (p *Prover) start(dir string, restored *snapshot.Restored) (*child, error) {
	if len(p.Command) == 0 {
		return nil, errors.New("no etcd to run")
	}
	c := &child{ended: make(chan struct{}), log: filepath.Join(dir, "etcd.log")}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	quota := max(8<<30, 2*restored.Snapshot.Size)
	c.cmd = exec.Command(p.Command[0], append(p.Command[1:len(p.Command):len(p.Command)],
		"--name=trial", "--data-dir=data", "--log-level=warn",
		"--listen-client-urls="+clientURL, "--advertise-client-urls="+clientURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=trial="+peerURL,
		"--quota-backend-bytes="+strconv.FormatInt(quota, 10),
		"--unsafe-no-fsync", // the scratch directory is thrown away
	)...)
	c.cmd.Dir = dir
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Env = append(childEnv(restored.Snapshot.Size), p.Env...)
	c.cmd.SysProcAttr = attributes()
	if err := startLimited(c.cmd, restored.Snapshot.Size); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Command[0], err)
	}
	go func() {
		c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// childEnv gives the child what Go programs need and none of our own environment, which may hold credentials.
func childEnv(size int64) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"GOMAXPROCS=1",
		"GOMEMLIMIT=" + strconv.FormatInt(memoryLimit(size)*8/10, 10),
	}
}

// memoryLimit is what the child may allocate, apart from mapped files.
func memoryLimit(size int64) int64 { return size*5/2 + 1<<30 }

func (c *child) stop() {
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		c.cmd.Process.Kill()
		<-c.ended
	}
}

// lastWords returns the end of the child's log, for an error text.
func (c *child) lastWords() string {
	data, err := os.ReadFile(c.log)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	last := lines[len(lines)-1]
	if len(last) > 400 {
		last = last[:400]
	}
	return "; its last words: " + string(last)
}
