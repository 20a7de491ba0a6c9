package server

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Proxy forwards TCP connections to one upstream, as well as its faults let it.
type Proxy struct {
	// Address is where it listens, "127.0.0.1:23456".
	Address string

	name   string
	server *Toxiproxy
	port   *port
	faults []string // names, for Heal
}

// Direction says which half of a connection a fault concerns.
type Direction string

// Both halves, seen from the client.
const (
	ToServer Direction = "upstream"
	ToClient Direction = "downstream"
)

// Fault is a way for a connection to go wrong.
type Fault struct {
	kind       string
	attributes map[string]any
}

// Latency delays all data.
func Latency(delay, jitter time.Duration) Fault {
	return Fault{"latency", map[string]any{"latency": delay.Milliseconds(), "jitter": jitter.Milliseconds()}}
}

// Bandwidth lets so many KiB through each second.
func Bandwidth(kibPerSecond int) Fault {
	return Fault{"bandwidth", map[string]any{"rate": kibPerSecond}}
}

// ResetPeer ends connections with a TCP reset, after some time.
func ResetPeer(after time.Duration) Fault {
	return Fault{"reset_peer", map[string]any{"timeout": after.Milliseconds()}}
}

// Stall lets nothing through and keeps connections open, until the proxy is healed.
func Stall() Fault { return Fault{"timeout", map[string]any{"timeout": 0}} }

// Timeout lets nothing through and closes connections after some time.
func Timeout(after time.Duration) Fault {
	return Fault{"timeout", map[string]any{"timeout": max(1, after.Milliseconds())}}
}

// SlowClose holds back the end of a connection.
func SlowClose(delay time.Duration) Fault {
	return Fault{"slow_close", map[string]any{"delay": delay.Milliseconds()}}
}

// LimitData closes each connection after so many bytes.
func LimitData(bytes int64) Fault { return Fault{"limit_data", map[string]any{"bytes": bytes}} }

// Inject adds a fault, to open connections too. Several add up.
func (p *Proxy) Inject(ctx context.Context, d Direction, f Fault) error {
	name := fmt.Sprintf("%s-%d", f.kind, len(p.faults))
	err := p.server.call(ctx, http.MethodPost, "/proxies/"+p.name+"/toxics", map[string]any{
		"name":       name,
		"type":       f.kind,
		"stream":     string(d),
		"toxicity":   1.0,
		"attributes": f.attributes,
	})
	if err != nil {
		return fmt.Errorf("inject %s: %w", f.kind, err)
	}
	p.faults = append(p.faults, name)
	return nil
}

// Cut closes all connections and refuses new ones, until the proxy is healed.
func (p *Proxy) Cut(ctx context.Context) error { return p.enable(ctx, false) }

// Heal takes all faults away and accepts connections again.
func (p *Proxy) Heal(ctx context.Context) error {
	for len(p.faults) > 0 {
		last := p.faults[len(p.faults)-1]
		if err := p.server.call(ctx, http.MethodDelete, "/proxies/"+p.name+"/toxics/"+last, nil); err != nil {
			return fmt.Errorf("heal: %w", err)
		}
		p.faults = p.faults[:len(p.faults)-1]
	}
	return p.enable(ctx, true)
}

func (p *Proxy) enable(ctx context.Context, on bool) error {
	return p.server.call(ctx, http.MethodPost, "/proxies/"+p.name, map[string]any{"enabled": on})
}
