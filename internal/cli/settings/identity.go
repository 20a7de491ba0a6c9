package settings

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
)

// Identities remembers the cluster ids that were made on this machine, by repository. The config file is the user's, and
// is never rewritten, so they stand in a file of their own.
type Identities struct {
	// places are the files that may hold them, the one to write to first.
	places []string
}

const identityFile = "cluster-ids.yaml"

// Identities looks beside the config file that is used, so that all who use that file come to the same id: a shell and a
// timer, which has no home. Without a config file the user's own directory comes first, then /etc/holdfast.
func (f *Flags) Identities() Identities {
	var i Identities
	for _, dir := range []string{filepath.Dir(f.file.path), configDir(f.console.Getenv), systemDir} {
		file := filepath.Join(dir, identityFile)
		if filepath.IsAbs(dir) && !slices.Contains(i.places, file) {
			i.places = append(i.places, file)
		}
	}
	return i
}

// Identity is the cluster that is being saved.
type Identity struct {
	ID string
	// Made is the file in which a new id has just been remembered; "" for one that was known.
	Made string
}

// ClusterID decides which cluster is being saved: the id that the flag or the config file gives; else the one that was
// made on this machine for this repository (key: see Opened); else, when nobody owns the repository, a new one, which is
// remembered before it is used. A repository with an owner and no known id is refused: it may be another cluster's.
func (i Identities) ClusterID(given, key string, owner *repository.Owner) (Identity, error) {
	if given != "" {
		return Identity{ID: given}, CheckClusterID(given)
	}
	id, err := i.known(key)
	if id != "" || err != nil {
		return Identity{ID: id}, err
	}
	if owner != nil {
		return Identity{}, &problem.Error{
			Kind: problem.Refused, Op: "write to", Subject: key,
			Why: "it belongs to cluster " + owner.ClusterID + ", and this machine does not know which cluster it saves",
			Next: fmt.Sprintf("if it is this cluster's, pass --cluster-id %s or set clusterID in the config file; "+
				"otherwise use another bucket or folder", owner.ClusterID),
		}
	}
	return i.make(key)
}

// known returns the remembered id, or "".
func (i Identities) known(key string) (string, error) {
	for _, place := range i.places {
		known, err := load(place)
		if err != nil {
			return "", err
		}
		if id := known[key]; id != "" {
			return id, nil
		}
	}
	return "", nil
}

// make makes an id and remembers it at the first place where this user may.
func (i Identities) make(key string) (Identity, error) {
	var forbidden error
	for _, place := range i.places {
		made, err := makeAt(place, key)
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
			return made, err
		}
		forbidden = cmp.Or(forbidden, err)
	}
	return Identity{}, forbidden
}

// makeAt makes an id, unless another process of this machine has just done that: two first saves at one time must come
// to the same one. If each used its own, one would own the repository and the other would be remembered, and every later
// save of this machine would be refused.
func makeAt(place, key string) (Identity, error) {
	lock, err := lockDir(filepath.Dir(place))
	if err != nil {
		return Identity{}, unwritable(place, err)
	}
	defer lock.Close()
	known, err := load(place)
	if err != nil {
		return Identity{}, err
	}
	if id := known[key]; id != "" {
		return Identity{ID: id}, nil
	}
	id := newClusterID()
	known[key] = id
	if err := store(place, known); err != nil {
		return Identity{}, unwritable(place, err)
	}
	return Identity{ID: id, Made: place}, nil
}

// What is done under the lock takes a few milliseconds.
const (
	lockPatience = 10 * time.Second
	lockPause    = 20 * time.Millisecond
)

// lockDir waits for the lock of a directory, which ends with the process.
func lockDir(dir string) (*os.File, error) {
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

func load(place string) (map[string]string, error) {
	known := map[string]string{}
	data, err := os.ReadFile(place)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(data, &known); err != nil {
		return nil, &problem.Error{
			Kind: problem.Usage, Op: "read the cluster ids of this machine in", Subject: place, Why: yamlCause(data, err),
			Next: "it must hold lines of the form REPOSITORY: ID; correct it, or move it aside and pass --cluster-id",
		}
	}
	if known == nil { // the file holds nothing, or comments alone
		known = map[string]string{}
	}
	return known, nil
}

func store(place string, known map[string]string) error {
	data, err := yaml.Marshal(known)
	if err != nil {
		return err
	}
	return durable.WriteFile(place, data, 0o600)
}

func unwritable(place string, err error) error {
	return &problem.Error{
		Kind: problem.Failed, Op: "remember the new cluster id in", Subject: place, Err: err,
		Next: "pass --cluster-id with a name of your choice for this cluster, here and on its other machines",
	}
}
