package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// maxSums bounds a list of sums: a mirror that answers everything with a page must not fill the memory.
const maxSums = 1 << 20

// maxRelease bounds what is fetched, which is some hundred MiB: it must not fill the disk either.
const maxRelease = 4 << 30

// remote looks at the mirror: a release is there when its sums are, and name the program.
func (s *Store) remote(ctx context.Context, version string) (*Release, error) {
	// A plus would be taken for a space by some servers.
	base := strings.TrimSuffix(strings.ReplaceAll(s.cfg.URL, "{version}", strings.ReplaceAll(version, "+", "%2B")), "/")
	if u, err := url.Parse(base); err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("%s: artifacts.url must begin with https://", s.cfg.URL)
	}
	r := &Release{store: s, base: base, dir: filepath.Join(s.cfg.Keep, version)}
	body, err := r.get(ctx, s.names.sums)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxSums))
	if err == nil {
		r.sums, err = parseSums(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", base, s.names.sums, err)
	}
	r.choose(func(string) bool { return true })
	if r.Archive != "" {
		r.Program = "" // one of them is enough
	}
	r.Images = "" // on a machine that reaches a mirror the images come from there, too
	if r.Archive == "" && r.Program == "" {
		return nil, fmt.Errorf("%s/%s has no sum of %s", base, s.names.sums, s.wanted())
	}
	return r, nil
}

func (r *Release) get(ctx context.Context, name string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	answer, err := r.store.cfg.Client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("fetch %s: %s", request.URL.Redacted(), answer.Status), answer.Body.Close())
	}
	return answer.Body, nil
}

// Fetch brings a release that is elsewhere into the agent's own directory. One that is on this machine is left where it is.
func (r *Release) Fetch(ctx context.Context) error {
	if r.base == "" {
		return nil
	}
	if err := durable.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	name := r.Archive
	if name == "" {
		name = r.Program
	}
	body, err := r.get(ctx, name)
	if err != nil {
		return err
	}
	defer body.Close()
	to := filepath.Join(r.dir, name)
	sum, err := copyTo(ctx, to, io.LimitReader(body, maxRelease), 0o600)
	if err != nil {
		return fmt.Errorf("fetch %s/%s: %w", r.base, name, err)
	}
	if sum != r.sums[name] {
		return errors.Join(r.damaged(name, sum), os.Remove(to))
	}
	return durable.WriteFile(filepath.Join(r.dir, r.store.names.sums), []byte(sum+"  "+name+"\n"), 0o600)
}
