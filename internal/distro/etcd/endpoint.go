package etcd

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
)

// client says how to reach the member that runs with these settings. What the cluster's configuration names wins.
func (s settings) client(given v1alpha1.EtcdConfig) etcd.Config {
	cfg := etcd.Defaults()
	cfg.Endpoints = []string{cmp.Or(given.Endpoint, s.endpoint())}
	if strings.HasPrefix(cfg.Endpoints[0], "http://") {
		return cfg
	}
	// Without a CA for clients the server's own certificate is all that this machine knows: it may have signed itself.
	cfg.CACert = cmp.Or(given.CAFile, s["trusted-ca-file"], s["cert-file"])
	cfg.Cert = cmp.Or(given.CertFile, s["cert-file"])
	cfg.Key = cmp.Or(given.KeyFile, s["key-file"])
	return cfg
}

// endpoint is the URL at which the member is best reached from its own machine: one that its certificate is valid for,
// on the loopback interface if there is one.
func (s settings) endpoint() string {
	urls := append(splitURLs(s["listen-client-urls"]), splitURLs(s["advertise-client-urls"])...)
	var local, others []string
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			continue
		}
		host := u.Hostname()
		ip := net.ParseIP(host)
		if ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
			if ip.To4() == nil {
				host = "::1"
			}
			u.Host = net.JoinHostPort(host, u.Port())
			ip = net.ParseIP(host)
		}
		if host == "localhost" || ip != nil && ip.IsLoopback() {
			local = append(local, u.String())
		} else {
			others = append(others, u.String())
		}
	}
	all := append(local, others...)
	if cert := s.certificate(); cert != nil {
		for _, raw := range all {
			u, err := url.Parse(raw)
			if err == nil && u.Scheme == "https" && cert.VerifyHostname(u.Hostname()) == nil {
				return raw
			}
		}
	}
	if len(all) == 0 {
		return "http://127.0.0.1:2379"
	}
	return all[0]
}

// certificate is the server's, or nil.
func (s settings) certificate() *x509.Certificate {
	data, err := os.ReadFile(s["cert-file"])
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return cert
}

func splitURLs(list string) []string {
	var urls []string
	for u := range strings.SplitSeq(list, ",") {
		if u = strings.TrimSpace(u); u != "" {
			urls = append(urls, u)
		}
	}
	return urls
}
