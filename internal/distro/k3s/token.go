package k3s

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// Password is what a token proves its owner with. A token is the password alone, or K10<hash of the CA>::<user>:<password>.
func Password(token string) string {
	token = strings.TrimSpace(token)
	if !strings.HasPrefix(token, "K10") {
		return token
	}
	if _, rest, ok := strings.Cut(token, "::"); ok {
		if _, password, ok := strings.Cut(rest, ":"); ok {
			return password
		}
		return rest
	}
	return token
}

// TokenDigest names a token without giving it away: the first 12 hex digits of its password's SHA-256. The distribution
// uses the same digest in the key of its bootstrap data and in the annotations of snapshots.
func TokenDigest(token string) string {
	sum := sha256.Sum256([]byte(Password(token)))
	return hex.EncodeToString(sum[:])[:12]
}

// bootstrapPrefix is where the certificates and keys of a cluster stand in its etcd, sealed with the token. The digest of
// the token follows.
const bootstrapPrefix = "/bootstrap/"

// ErrNoBootstrap: a database holds no bootstrap data, so that no server could be started from it.
var ErrNoBootstrap = errors.New("it holds no bootstrap data: no K3s or RKE2 server has written it")

// SealedWith are the digests of the tokens that the bootstrap data in a database is sealed with: one, or two while a token
// is rotated.
func SealedWith(ctx context.Context, db *mvcc.File) ([]string, error) {
	var digests []string
	err := db.Live(ctx, []byte(bootstrapPrefix), func(r mvcc.Record) error {
		// Beside the data there may be the lock that a server holds while it writes them.
		if digest := strings.TrimPrefix(string(r.Key), bootstrapPrefix); isDigest(digest) {
			digests = append(digests, digest)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the bootstrap data: %w", err)
	}
	if len(digests) == 0 {
		return nil, ErrNoBootstrap
	}
	return digests, nil
}

func isDigest(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 12
}
