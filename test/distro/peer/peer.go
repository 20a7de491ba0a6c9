// Package peer speaks to a supervisor: as a server or an agent that joins, and as the command line of snapshots.
package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sirupsen/logrus"

	"github.com/holdfast-dev/holdfast/test/distro/token"
)

// Client speaks to one supervisor, whose authority it has checked against the token.
type Client struct {
	// CA is the supervisor's, in PEM.
	CA    []byte
	url   string
	user  string
	token token.Token
	http  *http.Client
}

// StatusError is a refusal as the supervisor words it.
type StatusError struct{ Status metav1.Status }

func (e *StatusError) Error() string { return e.Status.Message }

// Dial fetches the authority and checks it. User is "server" or "node" for a token that names none.
func Dial(ctx context.Context, url, user, text string, log *logrus.Logger) (*Client, error) {
	tok, err := token.Parse(text)
	if err != nil {
		return nil, err
	}
	ca, err := cacerts(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	if tok.Hash == "" {
		log.Warn("Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. " +
			"Use the full token from the server's node-token file to enable Cluster CA validation.")
	}
	if err := tok.Verify(ca); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("failed to parse CA certs")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	return &Client{CA: ca, url: strings.TrimSuffix(url, "/"), user: user, token: tok, http: &http.Client{Transport: transport}}, nil
}

func cacerts(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	insecure := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, // the hash in the token is the proof
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/cacerts", nil)
	if err != nil {
		return nil, err
	}
	resp, err := insecure.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// Do sends a request with the token's credentials. A nil body is a GET. An answer other than 200 is a *StatusError.
func (c *Client) Do(ctx context.Context, path string, header http.Header, body, into any) error {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, reader = http.MethodPost, bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, reader)
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	user := c.token.User
	if user == "" {
		user = c.user
	}
	req.SetBasicAuth(user, c.token.Password)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp, data)
	}
	return json.Unmarshal(data, into)
}

func refusal(resp *http.Response, data []byte) error {
	var s metav1.Status
	if json.Unmarshal(data, &s) != nil || s.Message == "" {
		s = metav1.Status{Code: int32(resp.StatusCode), Message: strings.TrimSpace(resp.Status + " " + string(data))}
	}
	return &StatusError{Status: s}
}
