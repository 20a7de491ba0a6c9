package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// AssumeRole returns temporary credentials with the user's rights, good for an hour. MinIO grants none for less than 15
// minutes; RevokeTokens ends them at a moment of the caller's choosing.
func (m *MinIO) AssumeRole(ctx context.Context, user Credentials) (Credentials, error) {
	transport, err := m.transport(&tls.Config{})
	if err != nil {
		return Credentials{}, err
	}
	sts, err := credentials.NewSTSAssumeRole(m.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey:       user.AccessKey,
		SecretKey:       user.SecretKey,
		Location:        Region,
		DurationSeconds: int(time.Hour.Seconds()),
	})
	if err != nil {
		return Credentials{}, err
	}
	v, err := sts.GetWithContext(&credentials.CredContext{Client: &http.Client{Transport: contextTransport{ctx, transport}}})
	if err != nil {
		return Credentials{}, fmt.Errorf("assume role: %w", err)
	}
	return Credentials{AccessKey: v.AccessKeyID, SecretKey: v.SecretAccessKey, SessionToken: v.SessionToken, Expires: v.Expiration}, nil
}

// RevokeTokens ends all temporary credentials that the user took out: the server then knows them no more. The user
// stays, and can take out others.
func (m *MinIO) RevokeTokens(ctx context.Context, user Credentials) error {
	query := url.Values{"user": {user.AccessKey}, "fullRevoke": {"true"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Endpoint+"/minio/admin/v3/revoke-tokens/builtin?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	req.Header.Set("X-Amz-Content-Sha256", emptySHA256)
	transport, err := m.transport(&tls.Config{})
	if err != nil {
		return err
	}
	signed := signer.SignV4(*req, m.Root.AccessKey, m.Root.SecretKey, "", Region)
	resp, err := (&http.Client{Transport: transport}).Do(signed)
	if err != nil {
		return fmt.Errorf("revoke tokens: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("revoke tokens: %s", resp.Status)
	}
	return nil
}

// contextTransport carries a context into a library that takes none.
type contextTransport struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t contextTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.next.RoundTrip(r.WithContext(t.ctx))
}
