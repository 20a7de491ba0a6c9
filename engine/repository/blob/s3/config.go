package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
)

// Config says which bucket, how to reach it and as whom. Only Bucket is required.
type Config struct {
	// Bucket must exist: a store makes none.
	Bucket string
	// Prefix is the folder in the bucket that holds all objects, without slashes around it. Empty: the whole bucket.
	Prefix string
	// Endpoint is the server's host, or host:port, without a scheme. Empty: Amazon's, in the bucket's region.
	Endpoint string
	// Region is the one to sign for. Empty: the server is asked once where the bucket is.
	Region string
	// Lookup is how the bucket appears in URLs.
	Lookup Lookup

	// CAFile and CAPEM hold PEM certificates to trust for this target, besides those that the system trusts: a
	// private endpoint may one day get a public certificate, and role credentials come from public endpoints. A
	// target that must not trust the system's authorities is told apart by its keys, not by its certificate.
	CAFile string
	CAPEM  []byte
	// SkipTLSVerify accepts any certificate. Whoever can redirect the traffic can then read and change the backups.
	SkipTLSVerify bool
	// Insecure uses plain http. Requests are signed with their content's hash then, so that nobody on the way can
	// change it; anybody can read it.
	Insecure bool

	// AccessKey, SecretKey and, for temporary keys, SessionToken. When AccessKey is empty, Provider is asked.
	AccessKey               string
	SecretKey, SessionToken Secret
	// Provider is where keys come from. Nil: AWS's own chain; see [NewChain].
	Provider Provider

	// PartSize is how many bytes go into one request. 0: 8 MiB. It must be 5 MiB at least, and grows by itself for
	// objects that would need more than 10,000 parts.
	PartSize int
	// Parallel is how many parts are in memory, being filled or sent. 0: 4.
	Parallel int
	// Retry says how long a request of an upload is repeated. What is not part of an upload is not repeated here:
	// that is for package retry.
	Retry retry.Policy
	// Stall is how long a connection may move nothing before its request has failed. 0: a minute.
	Stall time.Duration
}

// Lookup is how the bucket appears in URLs.
type Lookup string

// The lookups. Auto is DNS for Amazon and Google, Path for all others.
const (
	LookupAuto Lookup = "auto"
	LookupDNS  Lookup = "dns"  // https://bucket.endpoint/key
	LookupPath Lookup = "path" // https://endpoint/bucket/key
)

const (
	defaultEndpoint = "s3.amazonaws.com"
	defaultPart     = 8 << 20
	defaultParallel = 4
	defaultStall    = time.Minute

	minPart = 5 << 20 // S3 refuses smaller ones, but for the last
)

// complete checks the settings and fills in what was left out.
func (c Config) complete() (Config, error) {
	c.Endpoint = cmp.Or(c.Endpoint, defaultEndpoint)
	c.Lookup = cmp.Or(c.Lookup, LookupAuto)
	c.PartSize = cmp.Or(c.PartSize, defaultPart)
	c.Parallel = cmp.Or(c.Parallel, defaultParallel)
	c.Stall = cmp.Or(c.Stall, defaultStall)
	c.Prefix = strings.Trim(c.Prefix, "/")
	if err := s3utils.CheckValidBucketName(c.Bucket); err != nil {
		return c, fmt.Errorf("bucket %q: %w", c.Bucket, err)
	}
	if c.Prefix != "" {
		if err := blob.CheckName(c.Prefix); err != nil {
			return c, fmt.Errorf("folder: %w", err)
		}
	}
	if err := checkEndpoint(c.Endpoint); err != nil {
		return c, err
	}
	if _, err := c.Lookup.option(); err != nil {
		return c, err
	}
	switch {
	case c.PartSize < minPart:
		return c, fmt.Errorf("part size %d: S3 takes no parts below %d bytes", c.PartSize, minPart)
	case c.Parallel < 1:
		return c, fmt.Errorf("%d parts at once: at least one is needed", c.Parallel)
	case c.Insecure && (c.SkipTLSVerify || c.CAFile != "" || len(c.CAPEM) > 0):
		return c, errors.New("plain http and settings for certificates exclude each other")
	case (c.AccessKey == "") != c.SecretKey.IsZero():
		return c, errors.New("an access key and a secret key belong together, and one is missing")
	case c.AccessKey != "" && c.Provider != nil:
		return c, errors.New("keys and a provider of keys exclude each other")
	}
	return c, nil
}

func checkEndpoint(endpoint string) error {
	if strings.Contains(endpoint, "://") {
		return fmt.Errorf("endpoint %q: give host or host:port, without %s://", endpoint, strings.SplitN(endpoint, "://", 2)[0])
	}
	u, err := url.Parse("//" + endpoint)
	switch {
	case net.ParseIP(endpoint).To16() != nil && strings.Contains(endpoint, ":"):
		return fmt.Errorf("endpoint %q: write [%s], with :port behind it where it has one", endpoint, endpoint)
	case err != nil || u.Host != endpoint || u.Hostname() == "" || strings.HasSuffix(endpoint, ":"):
		return fmt.Errorf("endpoint %q: it is no host or host:port", endpoint)
	case u.Port() == "":
		return nil
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil {
		return fmt.Errorf("endpoint %q: there is no port %s", endpoint, u.Port())
	}
	return nil
}

func (l Lookup) option() (minio.BucketLookupType, error) {
	switch l {
	case LookupAuto:
		return minio.BucketLookupAuto, nil
	case LookupDNS:
		return minio.BucketLookupDNS, nil
	case LookupPath:
		return minio.BucketLookupPath, nil
	}
	return 0, fmt.Errorf("bucket lookup %q: it is auto, dns or path", l)
}
