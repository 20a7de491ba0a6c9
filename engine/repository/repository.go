// Package repository makes a place for backups out of a blob store: whose it is, what lies in it, which snapshots may
// go, and whether this machine has the rights that it needs.
//
// A repository describes itself. The catalogue is rebuilt from the store alone each time it is asked for: payloads,
// their manifests, and foreign snapshots of k3s, rke2, RKE and etcdctl, which are adopted as they are; everything else
// is ignored. There is no index that could be lost or lie.
//
//	<folder>/
//	  on-demand-node1-1652288934.db.zst                                     a payload
//	  .metadata/on-demand-node1-1652288934.db.zst.<upload id>.holdfast.json its manifest
//	  .metadata/on-demand-node1-1652288934.db.zst.<upload id>.holdfast-escrow.age what else a restore needs, encrypted
//	  .metadata/holdfast-owner.json                                         the cluster that may write here
//
// The package must not know an etcd, and deletes nothing that it was not asked to delete. Start reading at
// [Repository.List], and at [Policy] for retention.
package repository

import (
	"log/slog"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Config says which repository, and who is asking.
type Config struct {
	Store blob.Store
	// Ancestors are the folders above it, in which an owner would overlap: see blob.Nested.
	Ancestors []blob.Store
	// Host names this machine in what is written.
	Host string
	Now  func() time.Time
	Log  *slog.Logger
}

// Repository is one folder of snapshots. Its methods may be called concurrently.
type Repository struct {
	store     blob.Store
	ancestors []blob.Store
	host      string
	now       func() time.Time
	log       *slog.Logger
}

// Open returns the repository in a store. It does not touch the store.
func Open(cfg Config) *Repository {
	return &Repository{store: cfg.Store, ancestors: cfg.Ancestors, host: cfg.Host, now: cfg.Now, log: cfg.Log}
}

// Store is the store that the repository lies in.
func (r *Repository) Store() blob.Store { return r.store }

// Location is the repository's URL, for people.
func (r *Repository) Location() string { return r.store.Location("") }
