package etcd

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// defragGauge is 1 while a member rewrites its database.
	defragGauge = "etcd_disk_defrag_inflight"
	// metricsTimeout bounds a check that may be answered by nobody.
	metricsTimeout = 2 * time.Second
	// maxMetrics is more than any etcd has to say.
	maxMetrics = 8 << 20
)

// defragmenting says whether the member's own metrics show a defragmentation. It is a best effort: metrics may be
// turned off, moved to another port, or forbidden, and a defragmentation may begin right after. Whatever keeps it
// from knowing counts as no.
func (c *conn) defragmenting(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	conn, err := c.dialRaw(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	if c.tls != nil {
		conn = tls.Client(conn, c.handshakeConfig("http/1.1"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.metricsHost()+"/metrics", nil)
	if err != nil {
		return false
	}
	req.Close = true
	// By hand, because http.Transport complains on standard error about a port that serves only gRPC.
	if err := req.Write(conn); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && gaugeIsSet(io.LimitReader(resp.Body, maxMetrics), defragGauge)
}

// metricsHost is what the request names as its host; a socket's path is none.
func (c *conn) metricsHost() string {
	if c.network == "unix" {
		return "localhost"
	}
	return c.address
}

// gaugeIsSet looks for a gauge without labels in Prometheus' text format.
func gaugeIsSet(r io.Reader, name string) bool {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 && fields[0] == name {
			return fields[1] != "0"
		}
	}
	return false
}
