package snapshot

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	engine "github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/download"
)

const (
	// stall is how long a connection may move nothing.
	stall = time.Minute
	// mostCuts in a row that brought nothing.
	mostCuts = 5
)

// fetch brings the bytes behind a link to a file.
type fetch struct {
	link    *download.Link
	again   func(context.Context) (*download.Link, error)
	console *console.Console

	client *http.Client
	file   *os.File
	sum    hash.Hash
	have   int64
	// version of the object that the first bytes are of.
	version string
	report  engine.Progress
}

// into writes path: whole, right and on disk, or not at all.
func (f *fetch) into(ctx context.Context, path string) (view downloadView, err error) {
	if f.client, err = clientFor(f.link); err != nil {
		return view, err
	}
	if f.file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part"); err != nil { // 0600: it holds secrets
		return view, problem.File("write", filepath.Dir(path), "--to", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.file.Name()))
		}
	}()
	f.sum = sha256.New()
	err = f.all(ctx)
	if err == nil {
		err = f.file.Sync()
	}
	if err = errors.Join(err, f.file.Close()); err != nil {
		return view, f.explain(err)
	}
	view = downloadView{Path: path, Location: f.link.Location, Size: f.have, SHA256: hex.EncodeToString(f.sum.Sum(nil)), Verified: f.link.SHA256 != ""}
	if view.Verified && view.SHA256 != f.link.SHA256 {
		return view, &problem.Error{
			Kind: problem.Damaged, Op: "download", Subject: f.link.Location,
			Why:  "its SHA-256 is " + view.SHA256 + ", and the manifest's " + f.link.SHA256 + ": nothing was kept",
			Next: "holdfast snapshot verify tests all copies of it",
		}
	}
	return view, durable.Rename(f.file.Name(), path)
}

// all goes on until every byte is there, over as many connections as it takes.
func (f *fetch) all(ctx context.Context) error {
	report, stop := f.console.Progress()
	defer stop()
	f.report = report
	for cuts := 0; ; cuts++ {
		before := f.have
		err := f.part(ctx)
		if err == nil || ctx.Err() != nil || isFinal(err) {
			return err
		}
		if f.have > before {
			cuts = 0
		}
		if cuts == mostCuts {
			return err
		}
		if err := f.renew(ctx, time.Duration(cuts)*time.Second); err != nil {
			return err
		}
	}
}

// renew waits, and gets another link: the old one may have ended.
func (f *fetch) renew(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	link, err := f.again(ctx)
	if err != nil {
		return err
	}
	if link.Location != f.link.Location || link.Size != f.link.Size || link.SHA256 != f.link.SHA256 {
		return finalError{errors.New("the snapshot's copies in S3 have changed meanwhile")}
	}
	f.link = link
	return nil
}

// finalError is one that another connection would bring again.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func isFinal(err error) bool {
	_, is := errors.AsType[finalError](err)
	return is
}

// part reads what one connection brings.
func (f *fetch) part(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(stall, func() { cancel(fmt.Errorf("the connection moved nothing for %s", stall)) })
	defer silence.Stop()
	body, err := f.open(ctx)
	if err != nil {
		return because(ctx, err)
	}
	defer body.Close()
	buffer := make([]byte, 1<<20)
	for f.have < f.link.Size {
		n, err := body.Read(buffer[:min(int64(len(buffer)), f.link.Size-f.have)])
		silence.Reset(stall)
		if _, failed := f.file.Write(buffer[:n]); failed != nil {
			return finalError{failed}
		}
		f.sum.Write(buffer[:n])
		f.have += int64(n)
		if f.report != nil {
			f.report(engine.PhaseRead, f.have, f.link.Size)
		}
		if err != nil && f.have < f.link.Size {
			return because(ctx, err)
		}
	}
	return nil
}

// because is what ended ctx, when it is ctx that ended the request.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return bare(err)
}

// bare leaves out the URL, which is a credential.
func bare(err error) error {
	if request, is := errors.AsType[*url.Error](err); is {
		return request.Err
	}
	return err
}

func (f *fetch) open(ctx context.Context) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.link.URL, nil)
	if err != nil {
		return nil, finalError{errors.New("the manager's link is none")}
	}
	if f.have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", f.have))
		request.Header.Set("If-Match", f.version)
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	if err := f.check(response); err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	f.version = response.Header.Get("ETag")
	return response.Body, nil
}

func (f *fetch) check(response *http.Response) error {
	begins := fmt.Sprintf("bytes %d-", f.have)
	switch status := response.StatusCode; {
	case f.have == 0 && status == http.StatusOK:
		return nil
	case f.have > 0 && status == http.StatusPartialContent && strings.HasPrefix(response.Header.Get("Content-Range"), begins):
		return nil
	case status == http.StatusPreconditionFailed, status == http.StatusOK, status == http.StatusPartialContent:
		return finalError{errors.New("the object was replaced meanwhile")}
	case status == http.StatusNotFound:
		return finalError{errors.New("the object is not there any more")}
	}
	return errors.New("S3 answers " + response.Status)
}

func (f *fetch) explain(err error) error {
	if problem.KindOf(err) != problem.Failed || errors.Is(err, context.Canceled) {
		return err
	}
	p := &problem.Error{Kind: problem.Unreachable, Op: "download", Subject: f.link.Location, Err: err, Next: "can this machine reach " + hostOf(f.link.URL) + "?"}
	if isFinal(err) {
		p.Kind, p.Next = problem.Failed, "try again"
	}
	if errors.Is(err, syscall.ENOSPC) {
		p.Kind, p.Next = problem.NoSpace, "make room, or choose another disk with --to"
	}
	return p
}

func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return "S3"
	}
	return u.Host
}

// clientFor trusts what the cluster's target is trusted by.
func clientFor(link *download.Link) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if link.EndpointCA != "" && !roots.AppendCertsFromPEM([]byte(link.EndpointCA)) {
		return nil, &problem.Error{Kind: problem.Usage, Op: "trust", Subject: "spec.etcd.s3.endpointCA", Why: "it holds no certificate"}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, InsecureSkipVerify: link.SkipSSLVerify, MinVersion: tls.VersionTLS12}
	transport.DisableCompression = true // the bytes as they are stored
	return &http.Client{Transport: transport}, nil
}
