package etcd

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// Readiness takes seconds; the rest is for a machine that is busy.
const (
	readyTimeout = 3 * time.Minute
	askTimeout   = 5 * time.Second
)

// readyKey is written to see that writes are taken.
const readyKey = "/lab/ready"

// Endpoints are the client URLs of all members, running or not.
func (c *Cluster) Endpoints() []string {
	var urls []string
	for _, n := range c.cfg.Nodes {
		urls = append(urls, clientURL(n))
	}
	return urls
}

// Client connects the host to all members. The caller closes it.
func (c *Cluster) Client() (*clientv3.Client, error) { return c.connect(c.Endpoints()...) }

// MemberClient connects the host to one member alone. The caller closes it.
func (c *Cluster) MemberClient(n *lab.Node) (*clientv3.Client, error) {
	return c.connect(clientURL(n))
}

func (c *Cluster) connect(endpoints ...string) (*clientv3.Client, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: askTimeout,
		Logger:      zap.NewNop(),
		TLS:         &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: c.ca.Pool()},
	})
}

// Healthy is nil when a member answers a linearizable read: it runs, and there is a quorum that it belongs to.
func (c *Cluster) Healthy(ctx context.Context, n *lab.Node) error {
	return c.ask(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		_, err := cli.Get(ctx, readyKey)
		return err
	})
}

// Serving is nil when a member runs, with a quorum or without: it answers a read of its own data.
func (c *Cluster) Serving(ctx context.Context, n *lab.Node) error {
	return c.ask(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		_, err := cli.Get(ctx, readyKey, clientv3.WithSerializable())
		return err
	})
}

// Write writes through one member.
func (c *Cluster) Write(ctx context.Context, n *lab.Node, key, value string) error {
	return c.ask(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		_, err := cli.Put(ctx, key, value)
		return err
	})
}

func (c *Cluster) ask(ctx context.Context, n *lab.Node, question func(context.Context, *clientv3.Client) error) error {
	cli, err := c.MemberClient(n)
	if err != nil {
		return err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := question(ctx, cli); err != nil {
		return fmt.Errorf("etcd on %s: %w", n.Name, err)
	}
	return nil
}

// Ready waits until every member answers linearizable reads, and the cluster takes a write.
func (c *Cluster) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, n := range c.cfg.Nodes {
		err := lab.Until(ctx, "etcd on "+n.Name, func(ctx context.Context) error { return c.Healthy(ctx, n) })
		if err != nil {
			return err
		}
	}
	return c.Write(ctx, c.cfg.Nodes[0], readyKey, "yes")
}

// Value is what a member itself holds under a key, with a quorum or without; "" when there is nothing.
func (c *Cluster) Value(ctx context.Context, n *lab.Node, key string) (value string, err error) {
	err = c.ask(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
		r, err := cli.Get(ctx, key, clientv3.WithSerializable())
		if err == nil && len(r.Kvs) > 0 {
			value = string(r.Kvs[0].Value)
		}
		return err
	})
	return value, err
}
