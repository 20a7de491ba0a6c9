package restoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// notes are what steps of one operation write down for themselves and each other, beside the journal.
type notes struct{ dir string }

// Names of the notes.
const (
	noteServe   = "serve.note"
	noteFetched = "fetched.note"
	noteRan     = "ran.note"
	noteAside   = "aside.note"
	noteFence   = "fence.note"
	noteAdmit   = "admit.note"
)

// read says whether there is such a note.
func (n notes) read(name string, v any) (bool, error) {
	data, err := os.ReadFile(filepath.Join(n.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return false, fmt.Errorf("read the note %s: %w", name, err)
	}
	return true, nil
}

// write replaces a note. It is durable when it returns.
func (n notes) write(name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		err = durable.WriteFile(filepath.Join(n.dir, name), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the note %s: %w", name, err)
	}
	return nil
}

func (n notes) remove(name string) error {
	err := os.Remove(filepath.Join(n.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(n.dir)
}
