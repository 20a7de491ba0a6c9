package s3

import (
	"context"
	"fmt"
	"mime"
	"net/url"
	"path"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Link is a way to read one object for a while, for somebody without any credential.
type Link struct {
	// URL is as good as a key while it lasts: whoever has it can read the object.
	URL Secret
	// Expires is when requests with it are refused. One that has begun goes on.
	Expires time.Time
	// Info of the object as it is now.
	Info blob.Info
}

// Link signs a request for an object that is there. Nothing of it is kept anywhere, so it can't be withdrawn: only the
// store's keys can. With keys that end before life is over, the link ends with them.
func (s *Store) Link(ctx context.Context, name string, life time.Duration) (Link, error) {
	info, err := s.Stat(ctx, name) // a link to nothing is found out by the wrong person
	if err != nil {
		return Link{}, err
	}
	key, err := s.key(name)
	if err != nil {
		return Link{}, fmt.Errorf("link %s: %w", s.Location(name), err)
	}
	link := Link{Info: info}
	err = s.call(ctx, "link", name, func(ctx context.Context) error {
		// A browser saves it under its name instead of showing it.
		as := url.Values{"response-content-disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)})}}
		signed := time.Now()
		u, err := s.core.PresignedGetObject(ctx, s.cfg.Bucket, key, life, as)
		if err != nil {
			return err
		}
		link.URL, link.Expires = NewSecret(u.String()), signed.Add(life)
		if end := s.keys.current.Load().Expires; !end.IsZero() && end.Before(link.Expires) {
			link.Expires = end
		}
		return nil
	})
	return link, err
}
