package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Client reaches one etcd cluster. Its methods may be called concurrently.
type Client struct {
	cfg       Config
	tls       *tls.Config
	endpoints []endpoint

	mu     sync.Mutex
	conns  map[string]*conn
	closed bool
}

// errClosed: the client was used after Close.
var errClosed = errors.New("the etcd client is closed")

// Dial checks the settings, reads the certificate files and looks up SRV records if they are asked for. It connects to
// nothing: every endpoint is connected to when it is first asked, because a member that is down must not keep anyone
// from looking at the others.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.tlsConfig()
	if err != nil {
		return nil, err
	}
	raw := cfg.Endpoints
	if cfg.DiscoverySRV != "" {
		ctx, cancel := context.WithTimeout(ctx, cfg.CommandTimeout)
		defer cancel()
		found, err := discover(ctx, cfg, net.DefaultResolver.LookupSRV)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			raw = found
		}
	}
	endpoints, err := parseEndpoints(raw)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, tls: tlsConfig, endpoints: endpoints, conns: map[string]*conn{}}, nil
}

// Endpoints are those that Inspect asks first: the given ones, or those that the SRV records named.
func (c *Client) Endpoints() []string {
	var raw []string
	for _, e := range c.endpoints {
		raw = append(raw, e.raw)
	}
	return raw
}

// Close ends all connections and with them all streams.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	var errs []error
	for _, conn := range conns {
		errs = append(errs, conn.close())
	}
	return errors.Join(errs...)
}

// conn returns the one connection to an endpoint, which need not be one of the given: members are also asked at the
// client URLs that they advertise.
func (c *Client) conn(raw string) (*conn, error) {
	e, err := parseEndpoint(raw)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, &problem.Error{Kind: problem.Failed, Op: opReach, Subject: raw, Err: errClosed}
	}
	if known := c.conns[e.raw]; known != nil {
		return known, nil
	}
	made := &conn{endpoint: e, cfg: &c.cfg}
	if e.encrypted(c.tls != nil) {
		made.tls = c.tls
		if made.tls == nil {
			made.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	c.conns[e.raw] = made
	return made, nil
}
