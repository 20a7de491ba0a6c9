package s3

import (
	"context"
	"io"
	"net/http"
	"time"
)

// PartSize is the size of the parts of an object of about that size.
func (s *Store) PartSize(hint int64) int { return s.partSize(hint) }

// NewStallGuard is the limit on silence alone.
func NewStallGuard(next http.RoundTripper, limit time.Duration) http.RoundTripper {
	return &stallGuard{next: next, limit: limit}
}

// ReadParts cuts a content as an upload does.
func ReadParts(ctx context.Context, r io.Reader, limit int) (parts [][]byte, err error) {
	c := &content{ctx: ctx, r: r}
	for !c.ended {
		part, err := c.fill(nil, limit)
		if err != nil {
			return parts, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// Keyring keeps the keys of a provider.
type Keyring struct{ *keyring }

// NewKeyring keeps the keys of a provider.
func NewKeyring(p Provider) Keyring { return Keyring{newKeyring(p)} }

// Ensure returns the access key that is good now.
func (k Keyring) Ensure(ctx context.Context) (string, error) {
	i, err := k.ensure(ctx)
	if err != nil {
		return "", err
	}
	return i.AccessKey, nil
}
