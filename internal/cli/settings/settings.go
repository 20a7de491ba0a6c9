// Package settings finds out what a command is to work with: the config file, the repository that a name or URL
// means, and the identity of the cluster. A flag beats the environment, which beats the file.
//
// No secret can be given in a flag: arguments are visible to every user of the machine. The package must not do what
// the commands do. Start reading at [File] for what the config file holds.
package settings

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// File is the config file: YAML, every field optional.
type File struct {
	// Repository is the name or URL that is used when --repo is not given.
	Repository string `json:"repository,omitempty"`
	// Repositories by name.
	Repositories map[string]Repository `json:"repositories,omitempty"`
	// Etcd says how to reach the cluster, with etcdctl's names.
	Etcd Etcd `json:"etcd,omitempty"`
	// Verify, Compress and MinFree are defaults for the flags of holdfast etcd save.
	Verify   string `json:"verify,omitempty"`
	Compress string `json:"compress,omitempty"`
	MinFree  string `json:"minFree,omitempty"`
	// Node is this machine's name in snapshot names; the host name if empty.
	Node string `json:"node,omitempty"`
	// SpoolDir holds large temporary files.
	SpoolDir string `json:"spoolDir,omitempty"`

	// path of the file; "" when there is none.
	path string
}

// Repository is a repository in the config file.
type Repository struct {
	URL string `json:"url"`
	// ClusterID is Holdfast's id of the cluster whose snapshots go there.
	ClusterID string `json:"clusterID,omitempty"`
	S3        S3     `json:"s3,omitempty"`
}

// S3 says how to reach a bucket; each field is a --s3-… flag.
type S3 struct {
	Endpoint      string `json:"endpoint,omitempty"`
	Region        string `json:"region,omitempty"`
	CAFile        string `json:"caFile,omitempty"`
	SkipTLSVerify bool   `json:"skipTLSVerify,omitempty"`
	Insecure      bool   `json:"insecure,omitempty"`
	BucketLookup  string `json:"bucketLookup,omitempty"`
	// CredentialsFile holds access and secret key, readable by its owner alone.
	CredentialsFile string `json:"credentialsFile,omitempty"`
}

// Etcd says how to reach the cluster.
type Etcd struct {
	Endpoints    []string `json:"endpoints,omitempty"`
	CACert       string   `json:"cacert,omitempty"`
	Cert         string   `json:"cert,omitempty"`
	Key          string   `json:"key,omitempty"`
	User         string   `json:"user,omitempty"`
	PasswordFile string   `json:"passwordFile,omitempty"`
}

// Load reads the config file. An empty path means the usual places, where a missing file is no error.
func Load(path string, getenv func(string) string) (File, error) {
	candidates := []string{path}
	if path == "" {
		if env := getenv("HOLDFAST_CONFIG"); env != "" {
			return Load(env, getenv)
		}
		candidates = usualPlaces(getenv)
	}
	for _, c := range candidates {
		f, err := read(c)
		if errors.Is(err, fs.ErrNotExist) && path == "" {
			continue
		}
		return f, err
	}
	return File{}, nil
}

func usualPlaces(getenv func(string) string) []string {
	var places []string
	if dir := configDir(getenv); dir != "" {
		places = append(places, filepath.Join(dir, "config.yaml"))
	}
	return append(places, filepath.Join(systemDir, "config.yaml"))
}

// systemDir holds what is for all users of the machine.
const systemDir = "/etc/holdfast"

func configDir(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "holdfast")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "holdfast")
	}
	return ""
}

func read(path string) (File, error) {
	var f File
	data, err := os.ReadFile(path)
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err // the path stands in Subject
	}
	if err != nil {
		return f, &problem.Error{
			Kind: problem.Usage, Op: "read the config file", Subject: path, Err: err,
			Next: "correct --config or HOLDFAST_CONFIG",
		}
	}
	if err := yaml.UnmarshalStrict(bytes.TrimSpace(data), &f); err != nil {
		return f, &problem.Error{
			Kind: problem.Usage, Op: "read the config file", Subject: path, Why: yamlCause(data, err),
			Next: "docs/quickstart.md has an example with every field",
		}
	}
	f.path, err = filepath.Abs(path)
	return f, err
}
