package server

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
)

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

// RemoveUser takes a user away for good.
func (m *MinIO) RemoveUser(ctx context.Context, user Credentials) error {
	_, err := m.mc(ctx, "", "admin", "user", "remove", Alias, user.AccessKey)
	return err
}
