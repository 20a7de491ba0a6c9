// Package bootstrap keeps what all servers of a cluster must share (authorities, keys, passwords) in etcd, encrypted with
// the token, and brings it to a server's disk (surface 7, last paragraph; 8.5).
package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/distro/token"
)

// ErrDifferentToken: the datastore was made with another token.
var ErrDifferentToken = errors.New("bootstrap data already found and encrypted with different token")

const prefix = "/bootstrap"

// File is one shared file.
type File struct {
	Timestamp time.Time
	Content   []byte
}

// Data is all shared files by the names of the distributions.
type Data map[string]File

// Paths are the shared files below <data>/server.
func Paths() map[string]string {
	return map[string]string{
		"ServerCA": "tls/server-ca.crt", "ServerCAKey": "tls/server-ca.key",
		"ClientCA": "tls/client-ca.crt", "ClientCAKey": "tls/client-ca.key",
		"RequestHeaderCA": "tls/request-header-ca.crt", "RequestHeaderCAKey": "tls/request-header-ca.key",
		"ETCDServerCA": "tls/etcd/server-ca.crt", "ETCDServerCAKey": "tls/etcd/server-ca.key",
		"ETCDPeerCA": "tls/etcd/peer-ca.crt", "ETCDPeerCAKey": "tls/etcd/peer-ca.key",
		"ServiceKey": "tls/service.key", "PasswdFile": "cred/passwd", "IPSECKey": "cred/ipsec.psk",
		"EncryptionConfig": "cred/encryption-config.json", "EncryptionHash": "cred/encryption-state.json",
	}
}

// Read takes the shared files from a server's disk. Those that are missing are left out.
func Read(serverDir string) (Data, error) {
	data := Data{}
	for name, rel := range Paths() {
		path := filepath.Join(serverDir, rel)
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		data[name] = File{Timestamp: info.ModTime(), Content: content}
	}
	return data, nil
}

// Overwrite writes all shared files to a server's disk.
func (d Data) Overwrite(serverDir string) error {
	for name, file := range d {
		if err := file.write(filepath.Join(serverDir, Paths()[name])); err != nil {
			return err
		}
	}
	return nil
}

func (f File) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.Content, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, f.Timestamp, f.Timestamp)
}

// Reconcile brings the disk in step: what is missing or older there is written, and what is newer is an error.
func (d Data) Reconcile(serverDir string) error {
	local, err := Read(serverDir)
	if err != nil {
		return err
	}
	var newer []string
	for _, name := range slices.Sorted(maps.Keys(d)) {
		mine, there := local[name]
		path := filepath.Join(serverDir, Paths()[name])
		switch {
		case there && string(mine.Content) == string(d[name].Content):
		case there && mine.Timestamp.After(d[name].Timestamp.Add(time.Second)):
			newer = append(newer, path)
		default:
			if err := d[name].write(path); err != nil {
				return err
			}
		}
	}
	if len(newer) > 0 {
		return fmt.Errorf("%s newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore",
			strings.Join(newer, ", "))
	}
	return nil
}

// Load reads the shared files from a datastore. Without any, it returns nil.
func Load(ctx context.Context, cli *clientv3.Client, password string) (Data, error) {
	r, err := cli.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	key := prefix + "/" + token.Short(password)
	for _, kv := range r.Kvs {
		if string(kv.Key) != key || len(kv.Value) == 0 {
			continue
		}
		plain, err := decrypt(password, string(kv.Value))
		if err != nil {
			return nil, err
		}
		var data Data
		return data, json.Unmarshal(plain, &data)
	}
	if len(r.Kvs) > 0 {
		return nil, ErrDifferentToken
	}
	return nil, nil
}

// Save writes the shared files to a datastore that has none.
func (d Data) Save(ctx context.Context, cli *clientv3.Client, password string) error {
	plain, err := json.Marshal(d)
	if err != nil {
		return err
	}
	sealed, err := encrypt(password, plain)
	if err != nil {
		return err
	}
	_, err = cli.Put(ctx, prefix+"/"+token.Short(password), sealed)
	return err
}
