package snapshot

import (
	"context"
	"slices"
	"strings"
)

// List is every file on this node and, if the request has S3, every object there, oldest first.
func (m *Manager) List(ctx context.Context, r Request) ([]Entry, error) {
	p, err := m.place(ctx, r)
	if err != nil {
		return nil, err
	}
	return m.list(ctx, p)
}

func (m *Manager) list(ctx context.Context, p place) ([]Entry, error) {
	entries, err := local(p.dir, m.NodeName)
	if err == nil && p.s3 != nil {
		var remote []Entry
		remote, err = p.s3.list(ctx, m.Flavor)
		entries = append(entries, remote...)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		if d := a.Created.Compare(b.Created); d != 0 {
			return d
		}
		return strings.Compare(a.Key(), b.Key())
	})
	return entries, err
}

// Delete removes copies by their exact file names. What there is none of is left out of the response.
func (m *Manager) Delete(ctx context.Context, names []string, r Request) (Response, error) {
	p, err := m.place(ctx, r)
	if err != nil {
		return Response{}, err
	}
	var response Response
	for _, name := range names {
		removed, err := remove(p.dir, name)
		if err != nil {
			return response, err
		}
		if removed {
			response.Deleted = append(response.Deleted, name)
		}
		if p.s3 == nil {
			continue
		}
		if removed, err = p.s3.remove(ctx, name); err != nil {
			return response, err
		}
		if removed {
			response.Deleted = append(response.Deleted, name)
		}
	}
	m.reconcile(ctx, p)
	return response, nil
}

// Prune keeps the newest snapshots with a prefix.
func (m *Manager) Prune(ctx context.Context, prefix string, r Request) (Response, error) {
	p, err := m.place(ctx, r)
	if err != nil {
		return Response{}, err
	}
	var response Response
	if response.Deleted, err = pruneLocal(p.dir, prefix, p.retention); err != nil {
		return response, err
	}
	if p.s3 != nil {
		deleted, err := p.s3.prune(ctx, prefix, p.s3.cfg.Retention)
		if err != nil {
			return response, err
		}
		response.Deleted = append(response.Deleted, deleted...)
	}
	m.reconcile(ctx, p)
	return response, nil
}

// Reconcile brings the records in step with the default places.
func (m *Manager) Reconcile(ctx context.Context, r Request) error {
	p, err := m.place(ctx, r)
	if err != nil {
		return err
	}
	m.reconcile(ctx, p)
	return nil
}

// reconcile looks at the places of a request, not at the server's own: records of the latter can go.
func (m *Manager) reconcile(ctx context.Context, p place) {
	entries, err := m.list(ctx, p)
	if err != nil {
		m.Log.Errorf("Failed to list snapshots for reconcile: %v", err)
		return
	}
	m.Records.Reconcile(ctx, entries, p.s3 != nil)
}
