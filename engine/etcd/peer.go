package etcd

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// A member has two ports, and people take one for the other: clients use 2379, members talk to each other on 2380. A
// peer port accepts connections, and often the client's certificate too; then it answers nothing that a client
// understands.

const peerPort = "2380"

// peerProblem returns nil when the endpoint is not a peer port, as far as it will tell.
func (c *conn) peerProblem(err error) *problem.Error {
	urls, ok := c.askPeer()
	if !ok {
		return nil
	}
	next := "use its client port (2379 unless changed)"
	if len(urls) > 0 {
		next = "use the client port: the cluster's client URLs are " + strings.Join(urls, ", ")
	}
	return c.unreachable("this is a peer port, at which the members of an etcd talk to each other", next, err)
}

// askPeer asks for the members in the way that they ask each other, and returns their client URLs.
func (c *conn) askPeer() (urls []string, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, c.network, c.address)
		},
		DisableKeepAlives: true,
	}
	scheme := "http://"
	if c.tls != nil {
		scheme, transport.TLSClientConfig = "https://", c.handshakeConfig("http/1.1")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"etcd/members", http.NoBody)
	if err != nil {
		return nil, false
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, false
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("X-Etcd-Cluster-Id") == "" {
		return nil, false
	}
	var members []struct {
		ClientURLs []string `json:"clientURLs"`
	}
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&members) != nil {
		return nil, true
	}
	for _, m := range members {
		urls = append(urls, m.ClientURLs...)
	}
	slices.Sort(urls)
	return urls, true
}

// suspectPeerPort adds to what went wrong that the port's number is that of the peers: their certificates are often
// signed by a CA of their own, and then the connection ends before anything can be asked.
func (c *conn) suspectPeerPort(e *problem.Error) *problem.Error {
	if _, port, err := net.SplitHostPort(c.address); err == nil && port == peerPort && !strings.Contains(e.Next, "2379") {
		e.Next = "is this the client port? It is 2379 unless changed, " + peerPort + " is for the members among themselves; " + e.Next
	}
	return e
}
