package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"
)

// callTimeout bounds one call of toxiproxy's API. It answers at once, except that a fault can be taken away only when the
// connections that it holds have let go of what they were sending.
const callTimeout = 45 * time.Second

// Toxiproxy is a toxiproxy server: it holds TCP proxies that slow, stall and cut connections.
type Toxiproxy struct {
	api     string
	process *Process
	port    *port
	proxies []*Proxy
}

// StartToxiproxy starts a toxiproxy server without any proxy. Dir is for its log.
func StartToxiproxy(ctx context.Context, dir string) (*Toxiproxy, error) {
	var t *Toxiproxy
	err := retryPorts(func() error {
		p, err := reservePort()
		if err != nil {
			return err
		}
		t = &Toxiproxy{api: "http://" + p.address(), port: p}
		if err := t.start(ctx, dir); err != nil {
			return errors.Join(err, t.Stop())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Toxiproxy) start(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	t.process, err = start(command{
		tool: "toxiproxy-server",
		args: []string{"-host=127.0.0.1", fmt.Sprintf("-port=%d", t.port.number)},
		log:  filepath.Join(dir, "toxiproxy.log"),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return t.process.answers(ctx, func(ctx context.Context) error {
		return t.call(ctx, http.MethodGet, "/version", nil)
	})
}

// Proxy makes a proxy to an address, "127.0.0.1:23456". The upstream need not be there yet.
func (t *Toxiproxy) Proxy(ctx context.Context, upstream string) (*Proxy, error) {
	port, err := reservePort()
	if err != nil {
		return nil, err
	}
	p := &Proxy{Address: port.address(), name: fmt.Sprintf("proxy-%d", port.number), server: t, port: port}
	err = t.call(ctx, http.MethodPost, "/proxies", map[string]any{
		"name": p.name, "listen": p.Address, "upstream": upstream, "enabled": true,
	})
	if err != nil {
		port.release()
		return nil, fmt.Errorf("proxy to %s: %w", upstream, err)
	}
	t.proxies = append(t.proxies, p)
	return p, nil
}

// Stop ends the server with all its proxies. It is safe to call more than once.
func (t *Toxiproxy) Stop() error {
	for _, p := range t.proxies {
		p.port.release()
	}
	defer t.port.release()
	if t.process == nil {
		return nil
	}
	return t.process.Kill()
}

// call does one request of the API and wants a 2xx answer.
func (t *Toxiproxy) call(ctx context.Context, method, path string, body any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, t.api+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(text))
	}
	return nil
}
