package escrow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// SecretKeys are the keys of the configuration's secrets, in order.
func (c *Content) SecretKeys() []string { return slices.Sorted(maps.Keys(c.Secrets)) }

// Write puts the content into a new directory, under the names that it has in a sealed one, for its owner alone. A path that
// would lead out of the directory is refused.
func (c *Content) Write(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	secrets, err := json.MarshalIndent(c.Secrets, "", "  ")
	if err != nil {
		return err
	}
	errs := []error{
		root.WriteFile(tokenName, []byte(c.Token+"\n"), 0o600), root.WriteFile(secretsName, append(secrets, '\n'), 0o600),
	}
	for _, f := range c.Files {
		name := filepath.Join(filesDir, filepath.FromSlash(f.Path))
		err := root.MkdirAll(filepath.Dir(name), 0o700)
		if err == nil {
			err = root.WriteFile(name, f.Data, f.Mode.Perm()|0o600)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write %s: %w", f.Path, err))
		}
	}
	return errors.Join(errs...)
}
