package peer

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Client fetches snapshots from other machines.
type Client struct {
	Identity Identity
	Now      func() time.Time
}

const (
	connectTime = 10 * time.Second
	// stallTime is how long a connection may move nothing.
	stallTime = 30 * time.Second
	// attempts without a byte in between, before a fetch is given up.
	attempts    = 8
	maxManifest = 1 << 20
)

// http returns a client that talks to one machine and to nobody else.
func (c Client) http(machine string) *http.Client {
	dialer := &net.Dialer{Timeout: connectTime}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return stalling{conn}, nil
		},
		TLSHandshakeTimeout: connectTime, DisableKeepAlives: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS13,
			InsecureSkipVerify: true, // VerifyConnection judges it, by the machine's name instead of a host's
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return c.Identity.Certificate(), nil
			},
			VerifyConnection: func(state tls.ConnectionState) error {
				found, err := judge(c.Identity, state, c.Now())
				if err == nil && found != machine {
					err = fmt.Errorf("machine %s answers there, not %s", found, machine)
				}
				return err
			},
		},
	}}
}

// stalling gives each read and write its own time.
type stalling struct{ net.Conn }

func (s stalling) Read(p []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return s.Conn.Read(p)
}

func (s stalling) Write(p []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return s.Conn.Write(p)
}

// Fetch brings what a machine offers to a file, and returns the manifest that was offered with it. What an earlier call
// fetched is not fetched again, as long as the offer is the same. All of the file is compared with the SHA-256 that the
// other machine names.
func (c Client) Fetch(ctx context.Context, url, machine, file string, report func(done, total int64)) ([]byte, error) {
	client := c.http(machine)
	defer client.CloseIdleConnections()
	manifest, err := c.manifest(ctx, client, url)
	if err != nil {
		return nil, err
	}
	d := &download{client: client, url: url, part: file + ".part", report: report}
	if err := d.run(ctx); err != nil {
		return nil, err
	}
	return manifest, durable.Rename(d.part, file)
}

func (c Client) manifest(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	resp, err := get(ctx, client, strings.Replace(url, pathSnapshot, pathManifest, 1), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxManifest))
}

func get(ctx context.Context, client *http.Client, url string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent {
		return resp, nil
	}
	defer resp.Body.Close()
	reason, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // without it the status must do
	return nil, &problem.Error{
		Kind: problem.Refused, Op: "fetch", Subject: url,
		Why: fmt.Sprintf("the other machine answers %s: %s", resp.Status, strings.TrimSpace(string(reason))),
	}
}

// download is one file on its way.
type download struct {
	client    *http.Client
	url, part string
	report    func(done, total int64)

	file *os.File
	hash hash.Hash
	have int64
	// sha256 and size that the other machine named first; later answers must be the same.
	sha256 string
	size   int64
}

var errOfferChanged = errors.New("the other machine offers something else by now")

func (d *download) run(ctx context.Context) error {
	if err := d.open(); err != nil {
		return err
	}
	defer d.file.Close()
	for failures := 0; ; {
		before := d.have
		err := d.more(ctx)
		if err == nil {
			break
		}
		if d.have > before {
			failures = 0
		}
		failures++
		if ctx.Err() != nil || failures == attempts || problem.KindOf(err) == problem.Refused || errors.Is(err, errOfferChanged) {
			return err
		}
		select {
		case <-time.After(time.Duration(failures) * time.Second / 2):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if sum := hex.EncodeToString(d.hash.Sum(nil)); sum != d.sha256 {
		return errors.Join(fmt.Errorf("fetch %s: its SHA-256 is %s, the other machine says %s", d.url, sum, d.sha256), d.file.Truncate(0))
	}
	return d.file.Sync()
}

// open goes on with what an earlier call left.
func (d *download) open() (err error) {
	if d.file, err = os.OpenFile(d.part, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	d.hash = sha256.New()
	d.have, err = io.Copy(d.hash, d.file)
	return err
}

// more fetches from where the file ends.
func (d *download) more(ctx context.Context) error {
	header := http.Header{}
	if d.have > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(d.have, 10)+"-")
	}
	resp, err := get(ctx, d.client, d.url, header)
	if p := (*problem.Error)(nil); d.have > 0 && d.sha256 == "" && errors.As(err, &p) && strings.Contains(p.Why, "416") {
		return errors.Join(d.restart(), errors.New("what was fetched before is no part of the offer"))
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := d.same(resp); err != nil {
		return err
	}
	_, err = io.Copy(d, resp.Body)
	if err == nil && d.have != d.size {
		err = fmt.Errorf("fetch %s: %d bytes of %d: %w", d.url, d.have, d.size, io.ErrUnexpectedEOF)
	}
	return err
}

// same compares an answer with those before.
func (d *download) same(resp *http.Response) error {
	sum := resp.Header.Get(headerSHA256)
	size := resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		size += d.have
	} else if d.have > 0 {
		if err := d.restart(); err != nil {
			return err
		}
	}
	if d.sha256 == "" {
		d.sha256, d.size = sum, size
	}
	if sum != d.sha256 || size != d.size || len(sum) != 2*sha256.Size {
		return errOfferChanged
	}
	return nil
}

// restart throws away what was fetched.
func (d *download) restart() error {
	d.have = 0
	d.hash.Reset()
	_, err := d.file.Seek(0, io.SeekStart)
	return errors.Join(d.file.Truncate(0), err)
}

// Write takes the next bytes.
func (d *download) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.hash.Write(p[:n])
	d.have += int64(n)
	d.report(d.have, d.size)
	return n, err
}
