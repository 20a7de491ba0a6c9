package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// credentialsPath is where an instance finds its role's name and, below, the role's credentials.
const credentialsPath = "/latest/meta-data/iam/security-credentials"

// Role is the name of the instance's role, once it has one: the stand-in's own.
const Role = "baskinc-role"

// IMDS is an EC2 instance metadata service, version 2 only: AWS's own stand-in behind a proxy that puts in the role's
// credentials.
//
// The stand-in serves fixed values from its config file. It can watch that file, but then takes its routes down and up
// again without a lock, so that a client may find neither the old credentials nor the new. With the proxy a change
// takes effect at once and whole. All else, the session tokens above all, is the stand-in's own answer: the proxy only
// replaces what it has allowed.
type IMDS struct {
	// Endpoint is the service's URL, for AWS_EC2_METADATA_SERVICE_ENDPOINT.
	Endpoint string

	process  *Process
	port     *port
	listener net.Listener
	front    *http.Server

	mu      sync.Mutex
	current *Credentials
	served  map[string]int // by access key
}

// StartIMDS starts a metadata service for an instance without a role. Dir is for its log.
func StartIMDS(ctx context.Context, dir string) (*IMDS, error) {
	var m *IMDS
	err := retryPorts(func() error {
		p, err := reservePort()
		if err != nil {
			return err
		}
		m = &IMDS{port: p, served: make(map[string]int)}
		if err := m.start(ctx, dir); err != nil {
			return errors.Join(err, m.Stop())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *IMDS) start(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	m.process, err = start(command{
		tool: "ec2-metadata-mock",
		args: []string{"--imdsv2", "--hostname=127.0.0.1", "--port=" + strconv.Itoa(m.port.number)},
		log:  filepath.Join(dir, "imds.log"),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := m.process.answers(ctx, m.probe); err != nil {
		return err
	}
	return m.serveFront()
}

// probe asks for a session token, which the service gives to anybody.
func (m *IMDS) probe(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+m.port.address()+"/latest/api/token", nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func (m *IMDS) serveFront() error {
	var err error
	if m.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	m.Endpoint = "http://" + m.listener.Addr().String()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: m.port.address()})
		},
		ModifyResponse: m.putIn,
		Transport:      &http.Transport{DisableKeepAlives: true},
	}
	m.front = &http.Server{Handler: proxy, ReadHeaderTimeout: callTimeout}
	go m.front.Serve(m.listener) // ends with Stop, which closes the server
	return nil
}

// SetCredentials gives the instance a role with these credentials, from the next request on.
func (m *IMDS) SetCredentials(c Credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = &c
}

// RemoveRole takes the role away: the service then knows of no credentials.
func (m *IMDS) RemoveRole() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = nil
}

// Served says how often the credentials with this access key were handed out.
func (m *IMDS) Served(accessKey string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.served[accessKey]
}

// Process is the stand-in's process. Paused, it makes a metadata service that never answers.
func (m *IMDS) Process() *Process { return m.process }

// Stop ends the service. It is safe to call more than once.
func (m *IMDS) Stop() error {
	defer m.port.release()
	var errs []error
	if m.front != nil {
		errs = append(errs, m.front.Close())
	}
	if m.process != nil {
		errs = append(errs, m.process.Kill())
	}
	return errors.Join(errs...)
}

// putIn replaces the stand-in's credentials, where it has let the request pass.
func (m *IMDS) putIn(resp *http.Response) error {
	path := strings.TrimSuffix(resp.Request.URL.Path, "/")
	if !strings.HasPrefix(path, credentialsPath) || resp.StatusCode != http.StatusOK {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current == nil {
		resp.StatusCode, resp.Status = http.StatusNotFound, "404 Not Found"
		return replaceBody(resp, nil)
	}
	if path == credentialsPath {
		return nil // the role's name
	}
	m.served[m.current.AccessKey]++
	doc, err := m.current.document()
	if err != nil {
		return err
	}
	return replaceBody(resp, doc)
}

// document is what the service answers for a role.
func (c Credentials) document() ([]byte, error) {
	return json.Marshal(map[string]string{
		"Code":            "Success",
		"Type":            "AWS-HMAC",
		"LastUpdated":     time.Now().UTC().Format(time.RFC3339),
		"AccessKeyId":     c.AccessKey,
		"SecretAccessKey": c.SecretKey,
		"Token":           c.SessionToken,
		"Expiration":      c.Expires.UTC().Format(time.RFC3339),
	})
}

func replaceBody(resp *http.Response, data []byte) error {
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	resp.ContentLength = int64(len(data))
	resp.Header.Set("Content-Length", strconv.Itoa(len(data)))
	return nil
}
