package manager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/server/selfbackup"
)

const (
	// backupTimeout bounds one backup: a fleet of a thousand clusters has some 200 MiB.
	backupTimeout = time.Hour
	// backupRetry is how soon a backup that failed is tried again.
	backupRetry = 10 * time.Minute
)

// BackupConfig says how the manager saves itself.
type BackupConfig struct {
	// Schedule says when.
	Schedule cron.Schedule
	// Open opens the repository, for one backup at a time.
	Open func() (blob.Store, error)
	// Recipients may open the backups.
	Recipients []age.Recipient
	// Keep is how many stay.
	Keep int
	// SpoolDir holds the database for a moment. Empty: the engine's default.
	SpoolDir string
	// Tool names this program and its version.
	Tool string
}

// backups saves the manager on schedule.
type backups struct {
	cfg     Config
	manager string
	last    prometheus.Gauge
	failed  prometheus.Counter
}

func newBackups(cfg Config, manager string, measure prometheus.Registerer) (*backups, error) {
	b := &backups{cfg: cfg, manager: manager}
	b.last = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "holdfast_manager_last_backup_timestamp_seconds", Help: "When the manager last saved itself.",
	})
	b.failed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "holdfast_manager_backup_failures_total", Help: "Backups of the manager that failed.",
	})
	return b, errors.Join(measure.Register(b.last), measure.Register(b.failed))
}

// run takes backups until ctx ends. What is in the repository says when the next is due, so that a restart neither
// takes one too many nor waits for a slot that has passed.
func (b *backups) run(ctx context.Context) {
	last, err := b.newest(ctx)
	if err != nil && ctx.Err() == nil {
		b.cfg.Logger.Warn("the repository of the manager's backups can't be read", "error", err)
	}
	for {
		due := b.cfg.Backup.Schedule.Next(last)
		if !wait(ctx, due.Sub(b.cfg.Now())) {
			return
		}
		made, err := b.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			b.failed.Inc()
			b.cfg.Logger.Error("the manager could not be backed up", "error", err, "again", backupRetry)
			if !wait(ctx, backupRetry) {
				return
			}
		default:
			last = made.Created
			b.last.Set(float64(last.Unix()))
			b.cfg.Logger.Info("the manager was backed up", "name", made.Name, "size", made.Size)
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// newest returns when this manager was last backed up.
func (b *backups) newest(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, backupTimeout)
	defer cancel()
	store, err := b.cfg.Backup.Open()
	if err != nil {
		return time.Time{}, err
	}
	defer store.Close()
	all, err := selfbackup.List(ctx, store)
	for _, is := range all {
		if is.Manager == selfbackup.ManagerID(b.manager) {
			b.last.Set(float64(is.Created.Unix()))
			return is.Created, nil
		}
	}
	return time.Time{}, err
}

func (b *backups) once(ctx context.Context) (selfbackup.Backup, error) {
	ctx, cancel := context.WithTimeout(ctx, backupTimeout)
	defer cancel()
	return SaveOnce(ctx, b.cfg, b.manager)
}

// SaveOnce backs up a manager that runs in the data directory.
func SaveOnce(ctx context.Context, cfg Config, manager string) (selfbackup.Backup, error) {
	store, err := cfg.Backup.Open()
	if err != nil {
		return selfbackup.Backup{}, err
	}
	defer store.Close()
	host, _ := os.Hostname() // only says where
	return selfbackup.Save(ctx, selfbackup.Config{
		Dir: cfg.DataDir, Store: store, Recipients: cfg.Backup.Recipients, Keep: cfg.Backup.Keep, SpoolDir: cfg.Backup.SpoolDir,
		Manager: manager, Tool: cfg.Backup.Tool, Host: host, Now: cfg.Now, Log: cfg.Logger,
	})
}

// Identify says which manager's data a directory holds: the hash of its CA.
func Identify(cfg Config) (string, error) {
	kept, err := clientcmd.LoadFromFile(cfg.kubeconfig())
	if err != nil {
		return "", fmt.Errorf("find out which manager this is: %w", err)
	}
	for _, cluster := range kept.Clusters {
		if block, _ := pem.Decode(cluster.CertificateAuthorityData); block != nil {
			sum := sha256.Sum256(block.Bytes)
			return hex.EncodeToString(sum[:]), nil
		}
	}
	return "", fmt.Errorf("find out which manager this is: %s holds no CA", cfg.kubeconfig())
}
