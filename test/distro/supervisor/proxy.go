package supervisor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Proxy forwards to a kube-apiserver on loopback. Who has a certificate of the cluster is named to it in headers, as an
// aggregating server does; tokens pass as they are.
type Proxy struct {
	// TLS is <data>/server/tls.
	TLS string
	// Port is kube-apiserver's.
	Port int
}

// ServeHTTP reads certificates at each request: a restore replaces them.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, err := p.user(r)
	if err != nil {
		refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	transport, err := p.transport(user != nil)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "starting")
		return
	}
	defer transport.CloseIdleConnections()
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     transport,
		Rewrite: func(out *httputil.ProxyRequest) {
			out.SetURL(&url.URL{Scheme: "https", Host: fmt.Sprintf("127.0.0.1:%d", p.Port)})
			for name := range out.Out.Header {
				if strings.HasPrefix(name, "X-Remote-") {
					out.Out.Header.Del(name)
				}
			}
			if user != nil {
				out.Out.Header.Set("X-Remote-User", user.Subject.CommonName)
				out.Out.Header["X-Remote-Group"] = user.Subject.Organization
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			refuse(w, http.StatusServiceUnavailable, "apiserver not ready")
		},
	}
	proxy.ServeHTTP(w, r)
}

// user is the owner of the request's certificate; nil: there is none.
func (p *Proxy) user(r *http.Request) (*x509.Certificate, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	pool, err := readPool(filepath.Join(p.TLS, "client-ca.crt"))
	if err != nil {
		return nil, err
	}
	cert := r.TLS.PeerCertificates[0]
	_, err = cert.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return cert, err
}

func (p *Proxy) transport(named bool) (*http.Transport, error) {
	pool, err := readPool(filepath.Join(p.TLS, "server-ca.crt"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: pool}
	if named {
		pair, err := tls.LoadX509KeyPair(filepath.Join(p.TLS, "client-auth-proxy.crt"), filepath.Join(p.TLS, "client-auth-proxy.key"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{TLSClientConfig: config}, nil
}

func readPool(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}
