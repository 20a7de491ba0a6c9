// Package etcdtest gives tests a machine with a real etcd under the agent's supervisor: the test binary is its own etcd.
//
// It must never be linked into a program. Start reading at [Main] and [New].
package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.uber.org/zap"

	"github.com/holdfast-dev/holdfast/internal/distro/etcd"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

const serve = "etcd"

// Main is a test binary's TestMain: it runs the tests, or an etcd.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serve {
		etcdmain.Main(os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// Command runs an etcd; flags are appended.
func Command() []string { return []string{os.Args[0], serve} }

// Machine is a machine with one member. Whatever runs on it is stopped when the test ends.
type Machine struct {
	// State is the agent's directory, Data the member's.
	State, Data string
	// Client and Peer are the member's URLs.
	Client, Peer string
	// Command starts the member.
	Command []string
}

// New makes a machine with the member m1. Its etcd does not run yet.
func New(t testing.TB) *Machine {
	t.Helper()
	return Named(t, "m1")
}

// Named makes a machine whose member is alone in a cluster of its own.
func Named(t testing.TB, name string) *Machine {
	t.Helper()
	m := &Machine{State: t.TempDir(), Data: filepath.Join(t.TempDir(), "data"), Client: address(t), Peer: address(t)}
	m.Command = append(Command(), "--name="+name, "--data-dir", m.Data, "--listen-client-urls="+m.Client, "--advertise-client-urls="+m.Client,
		"--listen-peer-urls="+m.Peer, "--initial-advertise-peer-urls="+m.Peer, "--initial-cluster="+name+"="+m.Peer, "--log-level=warn")
	t.Cleanup(func() {
		if err := m.Driver().Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// address is one that nothing listens on at present. The kernel gives no connection a port as low as these, or one of the
// many that other tests make would have it by the time that etcd starts.
func address(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// Driver returns a new one, as after a restart of the agent.
func (m *Machine) Driver() *etcd.Driver {
	return etcd.New(etcd.Config{StateDir: m.State, Supervisor: m.Supervisor()})
}

// Supervisor returns a new one.
func (m *Machine) Supervisor() *supervise.Supervisor {
	return supervise.New(supervise.Config{Command: m.Command, StateDir: m.State, Log: slog.New(slog.DiscardHandler)})
}

// Start starts the member and waits until it answers.
func (m *Machine) Start(t testing.TB) {
	t.Helper()
	if err := m.Driver().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "etcd answers", func() error {
		_, err := m.Get(t, "nothing")
		return err
	})
}

func (m *Machine) dial(t testing.TB) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{m.Client}, Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Put writes a key and returns the revision.
func (m *Machine) Put(t testing.TB, key, value string) int64 {
	t.Helper()
	c := m.dial(t)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := c.Put(ctx, key, value)
	if err != nil {
		t.Fatal(err)
	}
	return r.Header.Revision
}

// Delete removes a key.
func (m *Machine) Delete(t testing.TB, key string) {
	t.Helper()
	client := m.dial(t)
	defer client.Close()
	if _, err := client.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

// Compact the history before a revision.
func (m *Machine) Compact(t testing.TB, revision int64) {
	t.Helper()
	c := m.dial(t)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.Compact(ctx, revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
}

// Get reads a key; it is "" when it is not there.
func (m *Machine) Get(t testing.TB, key string) (string, error) {
	t.Helper()
	c := m.dial(t)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
	defer cancel()
	r, err := c.Get(ctx, key)
	if err != nil {
		return "", err
	}
	if len(r.Kvs) == 0 {
		return "", nil
	}
	return string(r.Kvs[0].Value), nil
}

// Outvote adds a member that never comes: from then on this one alone is no quorum.
func (m *Machine) Outvote(t testing.TB) {
	t.Helper()
	c := m.dial(t)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.MemberAdd(ctx, []string{address(t)}); err != nil {
		t.Fatal(err)
	}
}

// Members are the names of the cluster's members, learners with a question mark.
func (m *Machine) Members(t testing.TB) []string {
	t.Helper()
	c := m.dial(t)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := c.MemberList(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range r.Members {
		if one.IsLearner {
			one.Name += "?"
		}
		names = append(names, one.Name)
	}
	slices.Sort(names)
	return names
}

// Want waits until a key has a value.
func (m *Machine) Want(t testing.TB, key, value string) {
	t.Helper()
	Eventually(t, key+" is "+value, func() error {
		got, err := m.Get(t, key)
		if err == nil && got != value {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
}

// Eventually waits until ok returns nil.
func Eventually(t testing.TB, what string, ok func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("no"))
	defer cancel()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
