package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/holdfast-dev/holdfast/test/server/pki"
)

// Region is the region that every S3 server here says it is in.
const Region = "us-east-1"

// S3Config describes an S3 server. Everything but Dir may be left out.
type S3Config struct {
	// Dir holds buckets, certificates and logs. It must be the server's own; it is made when missing.
	Dir string
	// Host is the address of this machine that it listens on and has a certificate for. Default: loopback alone.
	Host string
	// Plain serves http instead of https.
	Plain bool
	// ExpiredCert gives the server a certificate of the right authority whose time is over.
	ExpiredCert bool
	// ExtraArgs are added to the command line.
	ExtraArgs []string
	// ExtraEnv is added to the environment, as "NAME=value".
	ExtraEnv []string
}

// Credentials are what an S3 client signs with.
type Credentials struct {
	AccessKey, SecretKey string
	// SessionToken is there for temporary ones only.
	SessionToken string
	// Expires is when temporary ones end; zero for the others.
	Expires time.Time
}

// S3 is an S3 server on this machine. Its methods are not safe for concurrent use, except for Client, MakeBucket and
// Objects.
type S3 struct {
	// Address is host and port, "127.0.0.1:23456"; Endpoint is the URL.
	Address, Endpoint string
	// Root is the user who may do everything.
	Root Credentials
	// CAFile is the authority of the server's certificate, WrongCAFile another one. Empty when the server is plain.
	CAFile, WrongCAFile string
	// Dir is the directory that holds everything of this server, DataDir the buckets.
	Dir, DataDir string

	cfg     S3Config
	command command
	process *Process
	port    *port
	files   pki.Files // the server's certificate
}

// newS3 prepares what all S3 servers share.
func newS3(cfg S3Config, root Credentials) (*S3, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &S3{Dir: dir, DataDir: filepath.Join(dir, "data"), Root: root, cfg: cfg}
	if err := os.MkdirAll(s.DataDir, 0o755); err != nil {
		return nil, err
	}
	if s.port, err = reservePort(); err != nil {
		return nil, err
	}
	s.Address = s.port.address()
	if cfg.Host != "" {
		s.Address = net.JoinHostPort(cfg.Host, strconv.Itoa(s.port.number))
	}
	s.Endpoint = "http://" + s.Address
	if cfg.Plain {
		return s, nil
	}
	s.Endpoint = "https://" + s.Address
	if err := s.makeCertificates(filepath.Join(dir, "certs")); err != nil {
		s.port.release()
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return s, nil
}

func (s *S3) makeCertificates(dir string) error {
	right, err := pki.New("s3-test-ca")
	if err != nil {
		return err
	}
	wrong, err := pki.New("some-other-ca")
	if err != nil {
		return err
	}
	if s.CAFile, err = right.WriteCert(filepath.Join(s.Dir, "ca.crt")); err != nil {
		return err
	}
	if s.WrongCAFile, err = wrong.WriteCert(filepath.Join(s.Dir, "wrong-ca.crt")); err != nil {
		return err
	}
	leaf := pki.Leaf{CommonName: "s3", Hosts: pki.Loopback(), Expired: s.cfg.ExpiredCert}
	if s.cfg.Host != "" {
		leaf.Hosts = append(leaf.Hosts, s.cfg.Host)
	}
	// MinIO wants these names.
	if s.files, err = right.IssueFiles(dir, "private", leaf); err != nil {
		return err
	}
	public := filepath.Join(dir, "public.crt")
	if err := os.Rename(s.files.Cert, public); err != nil {
		return err
	}
	s.files.Cert = public
	return nil
}

// Start starts a server that was stopped, on the same address and over the same data, and waits until it answers.
func (s *S3) Start(ctx context.Context) error {
	p, err := start(s.command)
	if err != nil {
		return err
	}
	s.process = p
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.answers(ctx, s.probe); err != nil {
		return errors.Join(err, p.Kill())
	}
	return nil
}

// probe asks for something that needs a signature: a server that lets it pass has read its users.
func (s *S3) probe(ctx context.Context) error {
	cli, err := s.connect(s.Root, &tls.Config{InsecureSkipVerify: s.cfg.ExpiredCert})
	if err != nil {
		return err
	}
	_, err = cli.BucketExists(ctx, "no-such-bucket")
	return err
}

// Client connects with the given credentials and the right authority, without retries.
func (s *S3) Client(c Credentials) (*minio.Client, error) { return s.connect(c, &tls.Config{}) }

func (s *S3) connect(c Credentials, cfg *tls.Config) (*minio.Client, error) {
	transport, err := s.transport(cfg)
	if err != nil {
		return nil, err
	}
	return minio.New(s.Address, &minio.Options{
		Creds:        credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken),
		Secure:       !s.cfg.Plain,
		Region:       Region,
		BucketLookup: minio.BucketLookupPath,
		Transport:    transport,
		MaxRetries:   1,
	})
}

// transport trusts the server's authority and keeps no connection, so that nothing is left over after a test.
func (s *S3) transport(cfg *tls.Config) (*http.Transport, error) {
	t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: cfg}
	if s.CAFile == "" {
		return t, nil
	}
	var err error
	cfg.RootCAs, err = loadPool(s.CAFile)
	return t, err
}

// MakeBucket makes a bucket as root, with versioning when asked for.
func (s *S3) MakeBucket(ctx context.Context, name string, versioned bool) error {
	cli, err := s.Client(s.Root)
	if err != nil {
		return err
	}
	if err := cli.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: Region}); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	if !versioned {
		return nil
	}
	if err := cli.EnableVersioning(ctx, name); err != nil {
		return fmt.Errorf("version bucket %s: %w", name, err)
	}
	return nil
}

// Objects returns the names of all objects of a bucket that start with prefix, as root sees them.
func (s *S3) Objects(ctx context.Context, bucket, prefix string) ([]string, error) {
	cli, err := s.Client(s.Root)
	if err != nil {
		return nil, err
	}
	var names []string
	for o := range cli.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, fmt.Errorf("list %s: %w", bucket, o.Err)
		}
		names = append(names, o.Key)
	}
	return names, nil
}

// Uploads returns the names of all multipart uploads of a bucket that were begun and neither completed nor given up.
func (s *S3) Uploads(ctx context.Context, bucket string) ([]string, error) {
	cli, err := s.Client(s.Root)
	if err != nil {
		return nil, err
	}
	var names []string
	for u := range cli.ListIncompleteUploads(ctx, bucket, "", true) {
		if u.Err != nil {
			return nil, fmt.Errorf("list uploads of %s: %w", bucket, u.Err)
		}
		names = append(names, u.Key)
	}
	return names, nil
}

// EndpointAt is the URL of the same server when it is reached through another address, such as a Proxy's.
func (s *S3) EndpointAt(address string) string {
	scheme, _, _ := strings.Cut(s.Endpoint, "://")
	return scheme + "://" + address
}

// Process is the server's present or last process.
func (s *S3) Process() *Process { return s.process }

// Kill ends the server with SIGKILL; Start brings it back.
func (s *S3) Kill() error { return s.process.Kill() }

// Stop ends the server for good and gives its port back. It is safe to call more than once.
func (s *S3) Stop() error {
	defer s.port.release()
	if s.process == nil {
		return nil
	}
	return s.process.Kill()
}
