package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// Flags are those that all commands share, and what they resolve to.
type Flags struct {
	console *console.Console
	config  string
	repo    string
	s3      S3
	spool   string
	// Flags of bools that the config file has too: what was not given says nothing.
	skipTLSVerify, insecure override

	file   File
	loaded bool
}

// NewFlags returns the flags, not yet bound to a command.
func NewFlags(c *console.Console) *Flags { return &Flags{console: c} }

// AddGlobal adds --config to the root command.
func (f *Flags) AddGlobal(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.config, "config", "",
		"config file (default $HOLDFAST_CONFIG, ~/.config/holdfast/config.yaml, /etc/holdfast/config.yaml)")
}

// AddRepository adds --repo and the --s3-… flags.
func (f *Flags) AddRepository(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", "", "repository: file:///dir, s3://bucket/folder, or a name from the config file "+
		"(default $HOLDFAST_REPO, then \"repository\" of the config file)")
	fs.StringVar(&f.s3.Endpoint, "s3-endpoint", "", "S3 endpoint, host[:port] without a scheme (default s3.amazonaws.com)")
	fs.StringVar(&f.s3.Region, "s3-region", "", "S3 region (default $AWS_REGION, else found out)")
	fs.StringVar(&f.s3.CAFile, "s3-ca-file", "", "PEM file with the CA that signed the S3 server's certificate")
	fs.VarPF(&f.skipTLSVerify, "s3-skip-tls-verify", "", "accept any S3 server certificate").NoOptDefVal = "true"
	fs.VarPF(&f.insecure, "s3-insecure", "", "speak plain http to the S3 server").NoOptDefVal = "true"
	fs.StringVar(&f.s3.BucketLookup, "s3-bucket-lookup", "", "how the bucket is named in requests: auto, dns or path (default auto)")
	fs.StringVar(&f.s3.CredentialsFile, "s3-credentials-file", "",
		"file (mode 0600) with AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…; without it: environment, AWS files, role of the machine")
	_ = cmd.RegisterFlagCompletionFunc("repo", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return f.repositoryNames(), cobra.ShellCompDirectiveNoFileComp
	})
	_ = cmd.RegisterFlagCompletionFunc("s3-bucket-lookup",
		cobra.FixedCompletions([]string{"auto", "dns", "path"}, cobra.ShellCompDirectiveNoFileComp))
	f.AddSpool(cmd)
}

// AddSpool adds --spool-dir.
func (f *Flags) AddSpool(cmd *cobra.Command) {
	if cmd.Flags().Lookup("spool-dir") == nil {
		cmd.Flags().StringVar(&f.spool, "spool-dir", "", "directory for large temporary files (default $TMPDIR, else /var/tmp)")
	}
}

// File returns the config file, read once.
func (f *Flags) File() (File, error) {
	if f.loaded {
		return f.file, nil
	}
	file, err := Load(f.config, f.console.Getenv)
	if err != nil {
		return file, err
	}
	f.file, f.loaded = file, true
	return file, nil
}

// SpoolDir is where large temporary files go.
func (f *Flags) SpoolDir() string {
	return cmp.Or(f.spool, f.file.SpoolDir, f.console.Getenv("TMPDIR"), snapshot.DefaultSpoolDir())
}

// Opened is the repository that the flags mean.
type Opened struct {
	*repository.Repository
	// ClusterID from the config file, if it names one.
	ClusterID string
	// Key names the repository on this machine: its location, and the endpoint where one is given, because bucket names
	// are not the only ones of their kind.
	Key string
	// Local: a directory, where each node's files count on their own.
	Local bool
	// made are directories that did not exist before, outermost first.
	made []string
}

// Undo removes the directories that Open made, for a caller that was refused: as long as nothing is in them.
func (o *Opened) Undo() {
	for _, dir := range slices.Backward(o.made) {
		if os.Remove(dir) != nil {
			return
		}
	}
}

// Open opens the repository that --repo, the environment or the config file names. A directory that does not exist is
// made only when create is set: a mistyped path must not look like an empty repository.
func (f *Flags) Open(create bool) (*Opened, error) {
	chosen, err := f.choose()
	if err != nil {
		return nil, err
	}
	var made []string
	if u, err := chosen.parseURL(); err == nil && u.Scheme == "file" && create {
		made = missing(u.Path)
	}
	store, isLocal, err := openStore(chosen, create)
	if err != nil {
		return nil, repository.Explain("open", chosen.URL, err)
	}
	retrying := retry.Config{Policy: retry.Policy{MaxElapsed: patience}}
	var ancestors []blob.Store
	if nested, ok := store.(blob.Nested); ok {
		for _, above := range nested.Ancestors() {
			ancestors = append(ancestors, retry.New(above, retrying))
		}
	}
	repo := repository.Open(repository.Config{
		Store: retry.New(store, retrying), Ancestors: ancestors, Host: f.console.Host(), Now: f.console.Now, Log: f.console.Log(),
	})
	return &Opened{Repository: repo, ClusterID: chosen.ClusterID, Key: chosen.key(repo.Location()), Local: isLocal, made: made}, nil
}

// missing are the directory and those above it that do not exist, outermost first.
func missing(dir string) []string {
	var list []string
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			slices.Reverse(list)
			return list
		}
		list = append(list, dir)
	}
}

// CheckRepository refuses what cannot name a repository, before anything is asked or made.
func (f *Flags) CheckRepository() error {
	chosen, err := f.choose()
	if err == nil {
		_, err = chosen.parseURL()
	}
	return err
}

// choose merges flags, environment and config file into one repository.
func (f *Flags) choose() (Repository, error) {
	file, err := f.File()
	if err != nil {
		return Repository{}, err
	}
	name, from := f.repo, "--repo"
	if name == "" {
		name, from = f.console.Getenv("HOLDFAST_REPO"), "$HOLDFAST_REPO"
	}
	if name == "" {
		name, from = file.Repository, "repository in the config file:"
	}
	if name == "" {
		return Repository{}, console.Usagef("no repository: pass --repo with file:///dir, s3://bucket/folder or a name from the config file")
	}
	chosen, known := file.Repositories[name]
	if !known {
		if !strings.Contains(name, "://") {
			return chosen, unknownRepository(from+" "+name, name, file)
		}
		chosen.URL = name
	}
	chosen.S3 = f.s3.over(chosen.S3)
	chosen.S3.SkipTLSVerify = f.skipTLSVerify.over(chosen.S3.SkipTLSVerify)
	chosen.S3.Insecure = f.insecure.over(chosen.S3.Insecure)
	chosen.S3.Region = cmp.Or(chosen.S3.Region, f.console.Getenv("AWS_REGION"))
	return chosen, nil
}

func (r Repository) key(location string) string {
	if r.S3.Endpoint == "" || !strings.HasPrefix(location, "s3://") {
		return location
	}
	return location + " at " + r.S3.Endpoint
}

// unknownRepository: given is the name, and where it came from.
func unknownRepository(given, name string, file File) error {
	if filepath.IsAbs(name) {
		return console.Usagef("%s is a path: write file://%s", given, name)
	}
	known := "which has none"
	if len(file.Repositories) > 0 {
		known = "which has " + strings.Join(slices.Sorted(maps.Keys(file.Repositories)), ", ")
	}
	return console.Usagef("%s is neither a URL (file:///dir, s3://bucket/folder) nor a name from the config file, %s", given, known)
}

// over returns s with what it leaves empty taken from below.
func (s S3) over(below S3) S3 {
	return S3{
		Endpoint: cmp.Or(s.Endpoint, below.Endpoint), Region: cmp.Or(s.Region, below.Region),
		CAFile: cmp.Or(s.CAFile, below.CAFile), SkipTLSVerify: below.SkipTLSVerify, Insecure: below.Insecure,
		BucketLookup:    cmp.Or(s.BucketLookup, below.BucketLookup),
		CredentialsFile: cmp.Or(s.CredentialsFile, below.CredentialsFile),
	}
}

func (r Repository) parseURL() (*url.URL, error) {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return nil, console.Usagef("repository %q is no URL; a %% in a name is written as %%25", r.URL)
	case u.Scheme == "file" && (u.RawQuery != "" || u.ForceQuery), u.Fragment != "", strings.HasSuffix(r.URL, "#"):
		// Cut off there, it would be the URL of another directory or folder.
		return nil, console.Usagef("repository %s: in a URL a ? in a name is written as %%3F, and a # as %%23", u.Redacted())
	case u.Scheme == "s3" && u.Port() != "":
		return nil, console.Usagef("repository s3://%s: that is no bucket: write s3://bucket/folder, and the server's host and port in --s3-endpoint", u.Host)
	case u.Scheme == "file" && (u.Host != "" || !filepath.IsAbs(u.Path)):
		return nil, console.Usagef("repository %s: write three slashes and an absolute path: file:///backups", r.URL)
	case u.Scheme == "s3" && (u.User != nil || u.RawQuery != ""):
		return nil, console.Usagef("repository s3://%s: a URL holds neither keys nor options: see --s3-credentials-file and the other --s3-… flags", u.Host)
	case u.Scheme == "s3" && u.Host == "":
		return nil, console.Usagef("repository %s: the bucket is missing: s3://bucket/folder", u)
	case u.Scheme != "file" && u.Scheme != "s3":
		return nil, console.Usagef("repository %s: the scheme must be file or s3", u.Redacted())
	}
	return u, nil
}

func openStore(r Repository, create bool) (store blob.Store, isLocal bool, err error) {
	u, err := r.parseURL()
	if err != nil {
		return nil, false, err
	}
	if u.Scheme == "file" {
		store, err = local.New(local.Config{Dir: u.Path, Create: create})
		return store, true, err
	}
	store, err = openS3(u, r.S3)
	return store, false, err
}

// How long a request that gets no answer is repeated: over a restart of the server, but not so long that somebody at a
// terminal thinks that it hangs.
const patience = 20 * time.Second

// Parts of 8 MiB in memory at once. What a save compresses comes slower than three connections can send.
const uploadParallel = 3

func openS3(u *url.URL, s S3) (blob.Store, error) {
	cfg := s3.Config{
		Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Endpoint: s.Endpoint, Region: s.Region, CAFile: s.CAFile,
		SkipTLSVerify: s.SkipTLSVerify, Insecure: s.Insecure, Lookup: s3.Lookup(s.BucketLookup), Parallel: uploadParallel,
	}
	if s.CredentialsFile != "" {
		k, err := ReadKeys(s.CredentialsFile)
		if err != nil {
			return nil, err
		}
		cfg.AccessKey, cfg.SecretKey, cfg.SessionToken = k.Access, s3.NewSecret(k.Secret), s3.NewSecret(k.Session)
	}
	store, err := s3.New(cfg)
	if err != nil {
		if file, ok := errors.AsType[*problem.Error](err); ok {
			return nil, file // that is what has to be mended
		}
		return nil, &problem.Error{Kind: problem.Usage, Op: "open", Subject: fmt.Sprint(u), Err: err}
	}
	return store, nil
}

// S3 is how the chosen repository is reached; all empty for a directory.
func (f *Flags) S3() S3 {
	chosen, err := f.choose()
	if err != nil || !strings.HasPrefix(chosen.URL, "s3://") {
		return S3{}
	}
	return chosen.S3
}
