package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Right is one thing that a policy allows.
type Right string

// The rights that a backup program can have or lack.
const (
	List   Right = "list"
	Read   Right = "read"
	Write  Right = "write"
	Delete Right = "delete"
)

// actions are what the rights mean to S3: on the bucket itself, and on its objects.
func (r Right) actions() (bucket, object []string) {
	switch r {
	case List:
		return []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucketMultipartUploads"}, nil
	case Read:
		return nil, []string{"s3:GetObject", "s3:GetObjectVersion"}
	case Write:
		return nil, []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
	case Delete:
		return nil, []string{"s3:DeleteObject", "s3:DeleteObjectVersion"}
	default:
		return nil, nil
	}
}

// policy is the JSON document that allows the rights on one bucket.
func policy(bucket string, rights []Right) ([]byte, error) {
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	var doc struct {
		Version   string
		Statement []statement
	}
	doc.Version = "2012-10-17"
	for _, r := range rights {
		onBucket, onObject := r.actions()
		if len(onBucket) > 0 {
			doc.Statement = append(doc.Statement, statement{"Allow", onBucket, []string{"arn:aws:s3:::" + bucket}})
		}
		if len(onObject) > 0 {
			doc.Statement = append(doc.Statement, statement{"Allow", onObject, []string{"arn:aws:s3:::" + bucket + "/*"}})
		}
	}
	return json.Marshal(doc)
}

// AddUser makes a user who has the rights on one bucket and no others.
func (m *MinIO) AddUser(ctx context.Context, bucket string, rights ...Right) (Credentials, error) {
	doc, err := policy(bucket, rights)
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{AccessKey: "user-" + strings.ToLower(rand.Text()[:12]), SecretKey: rand.Text()}
	file := filepath.Join(m.Dir, c.AccessKey+".policy.json")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		return Credentials{}, err
	}
	// The secret goes in through standard input, never through the command line.
	if _, err := m.mc(ctx, c.AccessKey+"\n"+c.SecretKey+"\n", "admin", "user", "add", Alias); err != nil {
		return Credentials{}, err
	}
	if _, err := m.mc(ctx, "", "admin", "policy", "create", Alias, c.AccessKey, file); err != nil {
		return Credentials{}, err
	}
	_, err = m.mc(ctx, "", "admin", "policy", "attach", Alias, c.AccessKey, "--user="+c.AccessKey)
	return c, err
}

// RemoveUser takes a user away, and every temporary credential that it took out: from then on the server refuses
// them, which is how credentials "expire" at a moment of the test's choosing. (MinIO grants none for less than 15
// minutes.)
func (m *MinIO) RemoveUser(ctx context.Context, user Credentials) error {
	_, err := m.mc(ctx, "", "admin", "user", "remove", Alias, user.AccessKey)
	return err
}

// AssumeRole returns temporary credentials with the user's rights, good for an hour.
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

// contextTransport carries a context into a library that takes none.
type contextTransport struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t contextTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.next.RoundTrip(r.WithContext(t.ctx))
}
