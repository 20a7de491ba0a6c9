package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// content is what etcd holds. A restore raises the revision, and with it changes etcd's own hash: so it is reckoned from
// what a client reads.
type content struct {
	keys int
	// sum of all keys, values and their revisions.
	sum [8]byte
}

func (c content) String() string { return fmt.Sprintf("%d keys with checksum %x", c.keys, c.sum) }

// page is how many keys are read at a time.
const page = 1000

func (s *stage) content(ctx context.Context) (content, error) {
	client, err := s.cluster.Client()
	if err != nil {
		return content{}, err
	}
	defer client.Close()
	var c content
	hash := sha256.New()
	key, revision := "\x00", int64(0)
	for {
		answer, err := client.Get(ctx, key, clientv3.WithFromKey(), clientv3.WithLimit(page), clientv3.WithRev(revision))
		if err != nil {
			return c, fmt.Errorf("read what etcd holds: %w", err)
		}
		revision = answer.Header.Revision // all pages of one moment
		for _, kv := range answer.Kvs {
			c.keys++
			for _, part := range [][]byte{kv.Key, kv.Value} {
				hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
				hash.Write(part)
			}
			hash.Write(binary.BigEndian.AppendUint64(nil, uint64(kv.CreateRevision)))
			hash.Write(binary.BigEndian.AppendUint64(nil, uint64(kv.ModRevision)))
		}
		if !answer.More {
			copy(c.sum[:], hash.Sum(nil))
			return c, nil
		}
		key = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
	}
}
