package restoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Kept is old data that a committed operation has left beside the new. It is written down at the commit, in a file of its
// own: the journal forgets operations, and what is not written down here is nobody's to remove.
type Kept struct {
	// Operation is the uid of the one that moved it.
	Operation string `json:"operation"`
	// Committed is when that was committed.
	Committed metav1.Time `json:"committed"`
	// Places of the data.
	Places []string `json:"places"`
	// Removing says that it is on its way out, and hence no longer whole.
	Removing bool `json:"removing,omitempty"`
}

func keptDir(stateDir string) string { return filepath.Join(stateDir, "aside") }

func (k Kept) file(stateDir string) string {
	return filepath.Join(keptDir(stateDir), k.Operation+".json")
}

// write is durable when it returns.
func (k Kept) write(stateDir string) error {
	data, err := json.Marshal(k)
	if err == nil {
		err = durable.MkdirAll(keptDir(stateDir), 0o700)
	}
	if err == nil {
		err = durable.WriteFile(k.file(stateDir), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down what is kept of %s: %w", k.Operation, err)
	}
	return nil
}

// ListKept returns what is kept on this machine, in the order of the operations' uids.
func ListKept(stateDir string) ([]Kept, error) {
	files, err := filepath.Glob(filepath.Join(keptDir(stateDir), "*.json"))
	if err != nil {
		return nil, err
	}
	var all []Kept
	for _, file := range files {
		var k Kept
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &k)
		}
		if err != nil {
			return nil, fmt.Errorf("read what is kept: %w", err)
		}
		all = append(all, k)
	}
	return all, nil
}

// Remove removes the data, then what was written down of it. It may be cut anywhere, and is called again then. Whoever calls
// it holds the operation lock.
func (k Kept) Remove(stateDir string) error {
	for _, place := range k.Places {
		if !strings.HasSuffix(place, ".holdfast-"+k.Operation) && filepath.Base(place) != snapshot.AsidePrefix+k.Operation {
			return fmt.Errorf("remove the old data of %s: %s is no place for it", k.Operation, place)
		}
	}
	if !k.Removing {
		k.Removing = true
		if err := k.write(stateDir); err != nil {
			return err
		}
	}
	for _, place := range k.Places {
		err := os.RemoveAll(place)
		if err == nil && exists(filepath.Dir(place)) {
			err = durable.SyncDir(filepath.Dir(place))
		}
		if err != nil {
			return fmt.Errorf("remove the old data of %s: %w", k.Operation, err)
		}
	}
	return durable.Remove(k.file(stateDir))
}

// Size of what is there, in bytes.
func (k Kept) Size() (int64, error) {
	var sum int64
	for _, place := range k.Places {
		size, err := sizeOf(place)
		sum += size
		if err != nil {
			return sum, fmt.Errorf("measure the old data of %s: %w", k.Operation, err)
		}
	}
	return sum, nil
}

// sizeOf a file, or of all files below a directory; 0 where there is none.
func sizeOf(path string) (sum int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
