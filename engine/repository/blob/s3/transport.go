package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 30 * time.Second
)

// newTransport is this target's own: its authorities, its proxies from the environment. Silence on a connection is
// watched by stallGuard. HTTP/2 is not used, so that parts sent at once have a connection each.
func newTransport(cfg Config) (*http.Transport, error) {
	pool, err := trusted(cfg)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                 proxy(),
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.SkipTLSVerify},
		TLSHandshakeTimeout:   handshakeTimeout,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       idleTimeout,
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		DisableCompression:    true, // objects are to come as they are stored
	}, nil
}

// proxy takes HTTPS_PROXY, HTTP_PROXY and NO_PROXY as they are now: net/http's own function keeps what it saw first.
func proxy() func(*http.Request) (*url.URL, error) {
	choose := httpproxy.FromEnvironment().ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// trusted returns the system's authorities and the target's own; nil, which means the system's, when it has none.
func trusted(cfg Config) (*x509.CertPool, error) {
	if len(cfg.CAPEM) == 0 && cfg.CAFile == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a bare machine has none; the target's own is what is asked for
	}
	if len(cfg.CAPEM) > 0 && !pool.AppendCertsFromPEM(cfg.CAPEM) {
		return nil, errors.New("the CA certificate holds no PEM certificate")
	}
	if cfg.CAFile == "" {
		return pool, nil
	}
	const op, setting = "read the CA certificates in", "--s3-ca-file"
	data, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, problem.File(op, cfg.CAFile, setting, err)
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, problem.File(op, cfg.CAFile, setting, errors.New("there is no PEM certificate in it"))
	}
	return pool, nil
}
