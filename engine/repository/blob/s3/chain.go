package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// NewChain returns AWS's usual places for keys, asked in this order:
//
//   - environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   - shared file: AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, AWS_PROFILE, with their defaults; single sign-on and
//     credential_process too
//   - web identity: AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN; AWS_ENDPOINT_URL_STS for another token service
//   - container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, as set in ECS tasks and by EKS Pod Identity
//   - instance role: the instance metadata service, version 2; AWS_EC2_METADATA_SERVICE_ENDPOINT for another address,
//     AWS_EC2_METADATA_DISABLED=true to leave it out
//
// The first that is set up and answers wins. One that was set up on purpose and fails ends the search: going on to the
// node's role instead would only show as a baffling lack of rights. The error tells what became of each.
//
// The region chooses the token service of a web identity when AWS_REGION does not.
func NewChain(region string) Provider { return &chain{region: region} }

type chain struct{ region string }

// source is one place in the chain.
type source struct {
	name string
	// set says that someone pointed to this source, or why not.
	set     func() error
	fetch   func(context.Context) (credentials.Value, error)
	certain bool // when it is set and fails, the search is over
}

// Keys asks each source in turn.
func (c *chain) Keys(ctx context.Context) (Keys, error) {
	var tried []string
	for _, source := range c.sources() {
		err := source.set()
		if err == nil {
			var value credentials.Value
			if value, err = source.fetch(ctx); err == nil {
				return keysOf(value, source.name), nil
			}
			if source.certain {
				return Keys{}, fmt.Errorf("%w: %s: %w", blob.ErrCredentials, source.name, bare(err))
			}
		}
		tried = append(tried, fmt.Sprintf("%s: %v", source.name, bare(err)))
	}
	return Keys{}, fmt.Errorf("%w: none found (%s)", blob.ErrCredentials, strings.Join(tried, "; "))
}

func keysOf(v credentials.Value, source string) Keys {
	return Keys{
		AccessKey:    v.AccessKeyID,
		SecretKey:    NewSecret(v.SecretAccessKey),
		SessionToken: NewSecret(v.SessionToken),
		Expires:      v.Expiration,
		Source:       source,
	}
}

func (c *chain) sources() []source {
	return []source{
		{"environment", isSet("AWS_ACCESS_KEY_ID"), environment, true},
		{"shared file", always, sharedFile, isSet("AWS_PROFILE")() == nil || isSet("AWS_SHARED_CREDENTIALS_FILE")() == nil},
		{"web identity", isSet("AWS_WEB_IDENTITY_TOKEN_FILE"), c.webIdentity, true},
		{"container", isSet("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"), container, true},
		{"instance role", metadataWanted, instanceRole, false},
	}
}

func always() error { return nil }

// isSet wants one of the variables.
func isSet(variables ...string) func() error {
	return func() error {
		for _, v := range variables {
			if os.Getenv(v) != "" {
				return nil
			}
		}
		return fmt.Errorf("%s not set", strings.Join(variables, " and "))
	}
}

func metadataWanted() error {
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return errors.New("switched off by AWS_EC2_METADATA_DISABLED")
	}
	return nil
}

func environment(context.Context) (credentials.Value, error) {
	v, err := (&credentials.EnvAWS{}).RetrieveWithCredContext(nil)
	if err == nil && v.SecretAccessKey == "" {
		err = errors.New("AWS_SECRET_ACCESS_KEY not set")
	}
	return v, err
}

func sharedFile(ctx context.Context) (credentials.Value, error) {
	v, err := (&credentials.FileAWSCredentials{}).RetrieveWithCredContext(&credentials.CredContext{Client: publicClient(), Context: ctx})
	if err == nil && v.AccessKeyID == "" {
		err = errors.New("it has no keys")
	}
	if err != nil {
		return v, fmt.Errorf("profile %q: %w", cmp.Or(os.Getenv("AWS_PROFILE"), "default"), bare(err))
	}
	return v, nil
}

func (c *chain) webIdentity(ctx context.Context) (credentials.Value, error) {
	iam := &credentials.IAM{Client: publicClient(), Region: c.region, Endpoint: os.Getenv("AWS_ENDPOINT_URL_STS")}
	return iam.RetrieveWithCredContext(&credentials.CredContext{Client: iam.Client, Context: ctx})
}

func container(ctx context.Context) (credentials.Value, error) {
	return role(ctx, "")
}

func instanceRole(ctx context.Context) (credentials.Value, error) {
	return role(ctx, strings.TrimSuffix(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "/"))
}

// role asks an address of the machine itself. minio-go takes from the environment whether it is a container's or an
// instance's; the order of the chain sees to it that only one of them is left.
func role(ctx context.Context, endpoint string) (credentials.Value, error) {
	iam := &credentials.IAM{Client: localClient(), Endpoint: endpoint}
	return iam.RetrieveWithCredContext(&credentials.CredContext{Client: iam.Client, Context: ctx})
}

// publicClient is for services in the internet, such as the token service: through the proxy, with the system's
// authorities only. What a target trusts for itself must not be trusted with a token.
func publicClient() *http.Client {
	return &http.Client{
		Timeout:   fetchTimeout,
		Transport: &http.Transport{Proxy: proxy(), DisableKeepAlives: true, TLSHandshakeTimeout: handshakeTimeout},
	}
}

// localClient is for addresses of the machine itself, which no proxy can reach. They answer at once or are not there.
func localClient() *http.Client {
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DialContext:       (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			DisableKeepAlives: true,
		},
	}
}
