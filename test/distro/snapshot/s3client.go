package snapshot

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func (s S3) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return 5 * time.Minute
}

func client(s S3) (*minio.Client, error) {
	if s.Bucket == "" {
		return nil, fmt.Errorf("s3 bucket name was not set")
	}
	transport, err := transport(s)
	if err != nil {
		return nil, err
	}
	creds := credentials.NewStaticV4(s.AccessKey, s.SecretKey, s.SessionToken)
	if s.AccessKey == "" && s.SecretKey == "" {
		creds = credentials.NewChainCredentials([]credentials.Provider{&credentials.FileAWSCredentials{}, &credentials.IAM{}})
	}
	return minio.New(s.Endpoint, &minio.Options{
		Creds: creds, Secure: !s.Insecure, Region: s.Region, Transport: transport, BucketLookup: lookup(s), MaxRetries: 3,
	})
}

func lookup(s S3) minio.BucketLookupType {
	switch {
	case s.BucketLookup == "dns" || strings.Contains(s.Endpoint, "aliyun"):
		return minio.BucketLookupDNS
	case s.BucketLookup == "path":
		return minio.BucketLookupPath
	default:
		return minio.BucketLookupAuto
	}
}

func transport(s S3) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: s.SkipSSLVerify}
	if s.EndpointCA != "" {
		pool, err := pool(s.EndpointCA)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = pool
	}
	switch s.Proxy {
	case "":
	case "none":
		t.Proxy = nil
	default:
		u, err := url.Parse(s.Proxy)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return nil, fmt.Errorf("proxy URL must include scheme and host")
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

// pool reads a list of authorities: each is base64 of a PEM, or else a file.
func pool(list string) (*x509.CertPool, error) {
	certs, err := x509.SystemCertPool()
	if err != nil {
		certs = x509.NewCertPool()
	}
	for _, entry := range strings.Fields(list) {
		data, err := base64.StdEncoding.DecodeString(entry)
		if err != nil || !strings.Contains(string(data), "BEGIN") {
			if data, err = os.ReadFile(entry); err != nil {
				return nil, err
			}
		}
		if !certs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("no certificate in endpoint CA")
		}
	}
	return certs, nil
}
