package enroll

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// answerTimeout bounds one request to the manager, from the first packet to the last byte of the answer.
const answerTimeout = 30 * time.Second

// RefusedError is a manager's no.
type RefusedError struct {
	// Status of the answer.
	Status int
	// Reason in the manager's words.
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }

// caller sends requests to the manager.
type caller struct {
	server *url.URL
	http   *http.Client
}

func newCaller(server *url.URL, config *tls.Config) *caller {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	return &caller{server: server, http: &http.Client{
		Transport: transport, Timeout: answerTimeout,
		// A redirect would take a token to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *caller) close() { c.http.CloseIdleConnections() }

// call posts body to path and reads the answer into answer. A no is a *RefusedError.
func (c *caller) call(ctx context.Context, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.JoinPath(path).String(), bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var refused Refusal
		if json.Unmarshal(data, &refused) != nil || refused.Reason == "" {
			refused.Reason = fmt.Sprintf("%s answers %s: is it a Holdfast manager?", c.server.Host, response.Status)
		}
		return &RefusedError{Status: response.StatusCode, Reason: refused.Reason}
	}
	return json.Unmarshal(data, answer)
}

// insist repeats a call until it is answered for good or ctx ends. The error is the last answer.
func (c *caller) insist(ctx context.Context, path string, body, answer any) error {
	var last error
	backoff := wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 8, Cap: 20 * time.Second}
	err := backoff.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		last = c.call(ctx, path, body, answer)
		var refused *RefusedError
		if errors.As(last, &refused) && !temporary(refused.Status) || isUntrusted(last) {
			return false, last
		}
		return last == nil, nil
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

// isUntrusted tells whether the other side is not who it should be. Asking again does not change that.
func isUntrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	return errors.As(err, &verify) || errors.Is(err, errWrongManager)
}
