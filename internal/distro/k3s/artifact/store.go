package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Config says where artifacts are.
type Config struct {
	// Name of the program: k3s or rke2.
	Name string
	// Keep is the agent's own directory.
	Keep string
	// Dir is one that the operator fills; empty for none.
	Dir string
	// URL of a directory with a release, with {version} in it; empty for none.
	URL string
	// Client fetches from there; nil for one of its own.
	Client *http.Client
}

// Store finds artifacts. Its methods may be called concurrently, but for Keep, Prune and Release.Fetch.
type Store struct {
	cfg   Config
	names names
}

// New returns a store. It touches nothing.
func New(cfg Config) *Store {
	if cfg.Client == nil {
		cfg.Client = &http.Client{CheckRedirect: staySecure}
	}
	return &Store{cfg: cfg, names: namesOf(cfg.Name, runtime.GOARCH)}
}

// staySecure keeps a mirror from sending on to where anybody could answer.
func staySecure(next *http.Request, before []*http.Request) error {
	if next.URL.Scheme != "https" || len(before) > 10 {
		return fmt.Errorf("it leads to %s", next.URL)
	}
	return nil
}

// names of a release's files.
type names struct {
	// program by itself, archive with program and scripts; a release may have either, or both.
	program, archive string
	// images are the air-gap archives, one of which is enough.
	images []string
	sums   string
}

func namesOf(program, arch string) names {
	n := names{sums: "sha256sum-" + arch + ".txt"}
	images := "rke2-images.linux-" + arch
	if program == "k3s" {
		n.program, images = "k3s", "k3s-airgap-images-"+arch
		switch arch {
		case "amd64":
		case "arm":
			n.program, n.sums, images = "k3s-armhf", "sha256sum-arm.txt", "k3s-airgap-images-arm"
		default:
			n.program += "-" + arch
		}
	} else {
		n.program, n.archive = "rke2.linux-"+arch, "rke2.linux-"+arch+".tar.gz"
	}
	for _, ext := range []string{".tar.zst", ".tar.gz", ".tar"} {
		n.images = append(n.images, images+ext)
	}
	return n
}

// versionForm keeps a version from being a path.
var versionForm = regexp.MustCompile(`^v[0-9][A-Za-z0-9.+-]{0,63}$`)

// Find returns what a version can be installed from; an error with distro.ErrNoArtifact says where it was looked for. What
// lies in a directory without the version in its name may be another's: the program has the last word.
func (s *Store) Find(ctx context.Context, version string) (*Release, error) {
	if !versionForm.MatchString(version) {
		return nil, fmt.Errorf("find version %q: it is none", version)
	}
	var looked []error
	for _, dir := range s.dirs(version) {
		r, err := s.open(dir)
		if err == nil {
			return r, nil
		}
		looked = append(looked, fmt.Errorf("%s: %w", dir, err))
	}
	if s.cfg.URL != "" {
		r, err := s.remote(ctx, version)
		if err == nil {
			return r, nil
		}
		looked = append(looked, err)
	}
	return nil, s.missing(version, errors.Join(looked...))
}

func (s *Store) dirs(version string) []string {
	dirs := []string{filepath.Join(s.cfg.Keep, version)}
	if s.cfg.Dir != "" {
		dirs = append(dirs, filepath.Join(s.cfg.Dir, version), s.cfg.Dir)
	}
	return dirs
}

func (s *Store) missing(version string, looked error) error {
	why := strings.ReplaceAll(looked.Error(), "\n", "; ")
	return &problem.Error{
		Kind: problem.NotFound, Op: "find what to install", Subject: s.cfg.Name + " " + version + " from", Err: errors.Join(distro.ErrNoArtifact, looked),
		Why: why,
		Next: fmt.Sprintf("put %s and %s of that release into a directory named %s below artifacts.dir of agent.yaml on this machine, or set artifacts.url",
			s.wanted(), s.names.sums, version),
	}
}

// wanted is the file that an operator would bring.
func (s *Store) wanted() string {
	if s.names.archive != "" {
		return s.names.archive
	}
	return s.names.program
}

// open looks at a directory.
func (s *Store) open(dir string) (*Release, error) {
	text, err := os.ReadFile(filepath.Join(dir, s.names.sums))
	if err != nil {
		return nil, err
	}
	r := &Release{store: s, dir: dir}
	if r.sums, err = parseSums(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", s.names.sums, err)
	}
	r.choose(func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
	if r.Archive == "" && r.Program == "" {
		return nil, fmt.Errorf("there is no %s, or %s has no sum of it", s.wanted(), s.names.sums)
	}
	return r, nil
}

// Keep keeps a copy of an installed program as the one of its version. One that is kept is not copied again.
func (s *Store) Keep(ctx context.Context, version, program string) error {
	if !versionForm.MatchString(version) {
		return fmt.Errorf("keep version %q: it is none", version)
	}
	dir := filepath.Join(s.cfg.Keep, version)
	if _, err := s.open(dir); err == nil {
		return nil
	}
	err := durable.MkdirAll(dir, 0o700)
	if err == nil {
		err = s.keep(ctx, dir, program)
	}
	if err != nil {
		return fmt.Errorf("keep %s %s: %w", s.cfg.Name, version, err)
	}
	return nil
}

// keep writes the sum last: without one there is no release.
func (s *Store) keep(ctx context.Context, dir, program string) error {
	src, err := os.Open(program)
	if err != nil {
		return err
	}
	defer src.Close()
	sum, err := copyTo(ctx, filepath.Join(dir, s.names.program), src, 0o700)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, s.names.sums), []byte(sum+"  "+s.names.program+"\n"), 0o600)
}

// Prune removes what is kept of other versions than these, but for the newest of the others: where no snapshots lie, that is
// the way back from the last upgrade.
func (s *Store) Prune(versions []string) error {
	entries, err := os.ReadDir(s.cfg.Keep)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var others []fs.FileInfo
	for _, e := range entries {
		if !e.IsDir() || !versionForm.MatchString(e.Name()) || slices.Contains(versions, e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		others = append(others, info)
	}
	slices.SortFunc(others, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var errs []error
	for i := 1; i < len(others); i++ {
		errs = append(errs, os.RemoveAll(filepath.Join(s.cfg.Keep, others[i].Name())))
	}
	return errors.Join(errs...)
}
