package settings

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
)

// Identities remembers the cluster ids that were made on this machine, by repository, in a file beside the config
// file: the config file is the user's, and is never rewritten.
type Identities struct{ path string }

// FindIdentities names the file: in the user's configuration directory, or in /etc/holdfast when there is no home.
func FindIdentities(getenv func(string) string) Identities {
	dir := configDir(getenv)
	if dir == "" {
		dir = "/etc/holdfast"
	}
	return Identities{filepath.Join(dir, "cluster-ids.yaml")}
}

// ClusterID decides which cluster is being saved (design section 4, Offline identity): the id that the flag or the
// config file gives; else the one that was made on this machine for this repository (key: see Opened); else, when nobody
// owns the repository, a new one, which is remembered before it is used. A repository with an owner and no known id is
// refused: it may be another cluster's.
func (i Identities) ClusterID(given, key string, owner *repository.Owner) (string, error) {
	if given != "" {
		return given, CheckClusterID(given)
	}
	known, err := i.load()
	if err != nil {
		return "", err
	}
	if id := known[key]; id != "" {
		return id, nil
	}
	if owner != nil {
		return "", &problem.Error{
			Kind: problem.Refused, Op: "write to", Subject: key,
			Why: "it belongs to cluster " + owner.ClusterID + ", and this machine does not know which cluster it saves",
			Next: fmt.Sprintf("if it is this cluster's, pass --cluster-id %s or set clusterID in the config file; "+
				"otherwise use another bucket or folder", owner.ClusterID),
		}
	}
	return i.make(key)
}

// make makes an id, unless another process of this machine has just done that: two first saves at one time must come to
// the same one. If each used its own, one would own the repository and the other would be remembered, and every later
// save of this machine would be refused.
func (i Identities) make(key string) (string, error) {
	lock, err := i.lock()
	if err != nil {
		return "", i.unwritable(err)
	}
	defer lock.Close()
	known, err := i.load()
	if err != nil {
		return "", err
	}
	if id := known[key]; id != "" {
		return id, nil
	}
	id := newClusterID()
	known[key] = id
	if err := i.store(known); err != nil {
		return "", i.unwritable(err)
	}
	return id, nil
}

// What is done under the lock takes a few milliseconds.
const (
	lockPatience = 10 * time.Second
	lockPause    = 20 * time.Millisecond
)

// lock waits for the lock of the file's directory, which ends with the process.
func (i Identities) lock() (*os.File, error) {
	dir := filepath.Dir(i.path)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPause) {
		lock, err := durable.Lock(dir)
		if !errors.Is(err, durable.ErrLocked) || time.Now().After(deadline) {
			return lock, err
		}
	}
}

var clusterID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckClusterID refuses what could not be part of a name.
func CheckClusterID(id string) error {
	if !clusterID.MatchString(id) {
		return &problem.Error{
			Kind: problem.Usage, Why: fmt.Sprintf("%q is no cluster id", id),
			Next: "use lower-case letters, digits and '-', at most 63, such as c-9dmxz",
		}
	}
	return nil
}

// newClusterID makes an id like Rancher's: c- and five characters, which RKE's snapshot names begin with.
func newClusterID() string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	var b [8]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	id := []byte("c-")
	for _, x := range b {
		id = append(id, alphabet[int(x)%len(alphabet)])
	}
	return string(id)
}

func (i Identities) load() (map[string]string, error) {
	known := map[string]string{}
	data, err := os.ReadFile(i.path)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(data, &known); err != nil {
		return nil, &problem.Error{
			Kind: problem.Usage, Op: "read the cluster ids of this machine in", Subject: i.path, Why: yamlCause(data, err),
			Next: "it must hold lines of the form REPOSITORY: ID; correct it, or move it aside and pass --cluster-id",
		}
	}
	if known == nil { // the file holds nothing, or comments alone
		known = map[string]string{}
	}
	return known, nil
}

func (i Identities) store(known map[string]string) error {
	data, err := yaml.Marshal(known)
	if err != nil {
		return err
	}
	return durable.WriteFile(i.path, data, 0o600)
}

func (i Identities) unwritable(err error) error {
	return &problem.Error{
		Kind: problem.Failed, Op: "remember the new cluster id in", Subject: i.path, Err: err,
		Next: "pass --cluster-id with a name of your choice for this cluster, here and on its other machines",
	}
}
