// Package apply brings manifests to the manager: Holdfast's resources, with the Namespaces and Secrets that they need.
//
// It is server-side apply, as kubectl's: what a manifest says is owned by it, and what it leaves out stays. It knows no
// other kinds, and deletes nothing. Start reading at [NewCommand].
package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// NewCommand returns "holdfast apply".
func NewCommand(c *console.Console, flags *manager.Flags) *cobra.Command {
	var files []string
	var options manager.ApplyOptions
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or change resources as manifests say",
		Long: `Create or change resources as manifests say, in YAML or JSON: Holdfast's own, Namespaces and Secrets.

A Cluster without a namespace gets one of its own name, which is made if it is missing. All manifests are read before the first
is applied. What somebody else has set to another value is refused, unless --force-conflicts.`,
		Args: cobra.NoArgs,
	}
	flags.Add(cmd)
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "file with manifests; - reads standard input")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "let the manager check it, and change nothing")
	cmd.Flags().BoolVar(&options.Force, "force-conflicts", false, "also take over what somebody else has set")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(files) == 0 {
			return console.Usagef("name the manifests: -f FILE, or -f - for standard input")
		}
		objects, err := read(c, files)
		if err != nil {
			return err
		}
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		applied, err := apply(cmd.Context(), m, objects, options)
		return errors.Join(c.Print(result(m, applied, options.DryRun)), err)
	}
	return cmd
}

func read(c *console.Console, files []string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, name := range files {
		data, err := content(c, name)
		if err != nil {
			return nil, err
		}
		found, err := decode(data)
		if err != nil {
			return nil, &problem.Error{Kind: problem.Usage, Op: "read the manifests in", Subject: name, Err: err}
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, console.Usagef("there is no manifest in what was given")
	}
	return all, nil
}

func content(c *console.Console, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(c.In)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, problem.File("read the manifests in", name, "-f", err)
	}
	return data, nil
}

func decode(data []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for n := 1; ; n++ {
		obj := &unstructured.Unstructured{}
		err := documents.Decode(&obj.Object)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("document %d: %w", n, err)
		case len(obj.Object) == 0:
			continue
		}
		if obj.IsList() {
			err = obj.EachListItem(func(item runtime.Object) error {
				one, ok := item.(*unstructured.Unstructured)
				if ok {
					all = append(all, one)
				}
				return nil
			})
		} else {
			all = append(all, obj)
		}
		if err == nil && (obj.GetKind() == "" || obj.GetAPIVersion() == "") {
			err = errors.New("it does not say apiVersion and kind")
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
}

func apply(ctx context.Context, m *manager.Manager, objects []*unstructured.Unstructured, options manager.ApplyOptions) ([]unstructured.Unstructured, error) {
	for _, obj := range objects {
		if err := m.Place(obj); err != nil {
			return nil, err
		}
	}
	var applied []unstructured.Unstructured
	for _, obj := range objects {
		if err := m.Apply(ctx, obj, options); err != nil {
			return applied, err
		}
		applied = append(applied, *obj)
	}
	return applied, nil
}

func result(m *manager.Manager, applied []unstructured.Unstructured, dry bool) console.Result {
	done := "applied"
	if dry {
		done = "accepted; nothing was changed"
	}
	return manager.Many(m, applied, func(w io.Writer) {
		for _, obj := range applied {
			fmt.Fprintf(w, "%s %s\n", manager.Describe(&obj), done)
		}
	})
}
