package systemd

import (
	"context"
	"path"
	"slices"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Find returns the names of the units that match a shell pattern, in order: those that are installed and those that are
// loaded without a file of theirs on the disk. Templates are none.
func Find(ctx context.Context, pattern string) (names []string, err error) {
	err = Unit{Name: pattern}.with(ctx, "find units", func(c *dbus.Conn) error {
		files, err := c.ListUnitFilesByPatternsContext(ctx, nil, []string{pattern})
		if err != nil {
			return err
		}
		units, err := c.ListUnitsByPatternsContext(ctx, nil, []string{pattern})
		if err != nil {
			return err
		}
		for _, f := range files {
			names = append(names, path.Base(f.Path))
		}
		for _, u := range units {
			names = append(names, u.Name)
		}
		return nil
	})
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), template)
	return names, err
}

func template(name string) bool {
	base := name[:len(name)-len(path.Ext(name))]
	return base != "" && base[len(base)-1] == '@'
}
