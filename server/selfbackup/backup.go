package selfbackup

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Backup is one stored backup.
type Backup struct {
	// Name of the object.
	Name string
	// Manager is the beginning of the CA's hash: it tells managers apart that share a repository.
	Manager string
	Created time.Time
	Size    int64
}

// namePattern of backups. Anything else in a repository is somebody else's.
const namePattern = `^holdfast-server-([0-9a-f]{12})-([0-9]{10})\.tar\.age$`

func backupName(manager string, at time.Time) string {
	return fmt.Sprintf("holdfast-server-%s-%d.tar.age", manager, at.Unix())
}

// List returns the backups in a store, the newest first.
func List(ctx context.Context, store blob.Store) ([]Backup, error) {
	pattern := regexp.MustCompile(namePattern)
	var all []Backup
	err := store.List(ctx, "holdfast-server-", func(info blob.Info) error {
		parts := pattern.FindStringSubmatch(info.Name)
		if parts == nil {
			return nil
		}
		seconds, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil {
			return nil
		}
		all = append(all, Backup{Name: info.Name, Manager: parts[1], Created: time.Unix(seconds, 0).UTC(), Size: info.Size})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", store.Location(""), err)
	}
	slices.SortFunc(all, func(a, b Backup) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// find returns the backup with a name, or the newest.
func find(ctx context.Context, store blob.Store, name string) (Backup, error) {
	all, err := List(ctx, store)
	if err != nil {
		return Backup{}, err
	}
	managers := map[string]bool{}
	for _, b := range all {
		if b.Name == name {
			return b, nil
		}
		managers[b.Manager] = true
	}
	p := &problem.Error{Kind: problem.NotFound, Op: "look for a backup of the manager in", Subject: store.Location("")}
	switch {
	case len(all) == 0:
		p.Why = "there is none"
		return Backup{}, p
	case name != "":
		p.Why, p.Next = "there is no "+name, "the newest is "+all[0].Name
		return Backup{}, p
	case len(managers) > 1:
		p.Kind, p.Why, p.Next = problem.Refused, "there are backups of several managers", "name one; the newest is "+all[0].Name
		return Backup{}, p
	}
	return all[0], nil
}

// prune removes all but the newest backups of one manager. It is called after a newer one was stored.
func prune(ctx context.Context, store blob.Store, manager string, keep int) error {
	all, err := List(ctx, store)
	if err != nil {
		return err
	}
	kept := 0
	for _, b := range all {
		if b.Manager != manager {
			continue
		}
		if kept++; kept <= keep {
			continue
		}
		if err := store.Delete(ctx, b.Name); err != nil {
			return fmt.Errorf("delete the old backup %s: %w", b.Name, err)
		}
	}
	return nil
}
