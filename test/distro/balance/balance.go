// Package balance leads connections from loopback to servers elsewhere, as agents and servers with one role do, and keeps
// the servers that it knows in a file, so that it finds them after a restart when the first one is gone (surface 7.2).
package balance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const dialTimeout = 3 * time.Second

// Balancer is a listener on loopback. Set may be called at any time.
type Balancer struct {
	// File keeps the servers.
	File string

	mu      sync.Mutex
	servers []string
	open    map[net.Conn]string
}

// Load reads what an earlier run has known.
func (b *Balancer) Load() []string {
	data, err := os.ReadFile(b.File)
	if err != nil {
		return nil
	}
	var state struct{ ServerAddresses []string }
	if json.Unmarshal(data, &state) != nil {
		return nil
	}
	return state.ServerAddresses
}

// Set says which servers there are: host:port. Connections to those that are gone are cut.
func (b *Balancer) Set(servers []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(servers) == 0 || slices.Equal(servers, b.servers) {
		return nil
	}
	b.servers = slices.Clone(servers)
	for conn, server := range b.open {
		if !slices.Contains(servers, server) {
			conn.Close()
		}
	}
	data, err := json.Marshal(map[string]any{"ServerAddresses": servers})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(b.File), 0o755); err != nil {
		return err
	}
	return os.WriteFile(b.File, data, 0o600)
}

// Listen serves until ctx ends.
func (b *Balancer) Listen(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	b.open = map[net.Conn]string{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go b.serve(ctx, conn)
		}
	}()
	return nil
}

func (b *Balancer) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	server, remote, err := b.dial(ctx)
	if err != nil {
		return
	}
	defer remote.Close()
	b.mu.Lock()
	b.open[remote] = server
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.open, remote)
		b.mu.Unlock()
	}()
	stop := context.AfterFunc(ctx, func() { conn.Close(); remote.Close() })
	defer stop()
	go func() {
		io.Copy(remote, conn)
		remote.Close()
	}()
	io.Copy(conn, remote)
}

// dial connects to the first server that answers.
func (b *Balancer) dial(ctx context.Context) (string, net.Conn, error) {
	b.mu.Lock()
	servers := slices.Clone(b.servers)
	b.mu.Unlock()
	dialer := net.Dialer{Timeout: dialTimeout}
	for _, server := range servers {
		if conn, err := dialer.DialContext(ctx, "tcp", server); err == nil {
			return server, conn, nil
		}
	}
	return "", nil, errors.New("no server answers")
}
