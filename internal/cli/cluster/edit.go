package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newEdit(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit CLUSTER",
		Short: "Change a cluster's spec in $VISUAL or $EDITOR",
		Long: `Change a cluster's spec in $VISUAL, $EDITOR or vi.

What the manager refuses is opened again, with the reason on top. Saving it unchanged, or empty, changes nothing.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, err := m.Cluster(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		changed, err := edit(cmd.Context(), c, m, cluster)
		if err != nil {
			return err
		}
		if !changed {
			c.Notef("Nothing was changed.")
		}
		return c.Print(m.One(cluster, func(w io.Writer) { describe(w, c.Now(), cluster) }))
	}
	return cmd
}

// edit lets a person change the spec until the manager takes it, or the person gives up.
func edit(ctx context.Context, c *console.Console, m *manager.Manager, cluster *v1alpha1.Cluster) (changed bool, err error) {
	before, err := yaml.Marshal(cluster.Spec)
	if err != nil {
		return false, err
	}
	text, refusal := before, error(nil)
	for {
		edited, err := open(ctx, c, page(cluster.Name, text, refusal))
		if err != nil {
			return false, err
		}
		edited = withoutRemarks(edited)
		if len(bytes.TrimSpace(edited)) == 0 || bytes.Equal(edited, before) {
			return false, nil
		}
		if refusal != nil && bytes.Equal(edited, text) {
			return false, refusal
		}
		text = edited
		if refusal = apply(ctx, m, cluster, text); refusal == nil {
			return true, nil
		}
		if kind := problem.KindOf(refusal); kind != problem.Usage {
			return false, refusal
		}
	}
}

func apply(ctx context.Context, m *manager.Manager, cluster *v1alpha1.Cluster, text []byte) error {
	var spec v1alpha1.ClusterSpec
	if err := yaml.UnmarshalStrict(text, &spec); err != nil {
		return console.Usagef("%v", err)
	}
	for tries := 1; ; tries++ {
		wanted := cluster.DeepCopy()
		wanted.Spec = spec
		err := m.Update(ctx, wanted)
		if err == nil {
			*cluster = *wanted
			return nil
		}
		if !apierrors.IsConflict(err) || tries == mostTries {
			return err
		}
		// The manager writes status all the time. Only a change of what was edited is somebody else's.
		now := cluster.DeepCopy()
		if err := m.Get(ctx, now); err != nil {
			return err
		}
		if !equality.Semantic.DeepEqual(now.Spec, cluster.Spec) {
			return err
		}
		*cluster = *now
	}
}

// mostTries of an update that loses against one of status.
const mostTries = 5

// page is what the editor shows.
func page(name string, spec []byte, refusal error) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The spec of cluster %s. Lines that begin with # are left out.\n", name)
	if refusal != nil {
		for line := range strings.Lines(refusal.Error()) {
			fmt.Fprintf(&b, "# REFUSED: %s\n", strings.TrimSpace(line))
		}
	}
	b.Write(spec)
	return b.Bytes()
}

func withoutRemarks(text []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("#")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// open shows text in the user's editor and returns what it has become.
func open(ctx context.Context, c *console.Console, text []byte) ([]byte, error) {
	file, err := os.CreateTemp("", "holdfast-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if closed := file.Close(); err != nil || closed != nil {
		return nil, fmt.Errorf("write %s: %w", file.Name(), errors.Join(err, closed))
	}
	editor := "vi"
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if chosen := c.Getenv(name); chosen != "" {
			editor = chosen
			break
		}
	}
	// The shell takes the variable apart, which may hold arguments; the file name is never part of the command's text.
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", file.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.In, c.Err, c.Err
	if err := cmd.Run(); err != nil {
		return nil, &problem.Error{Kind: problem.Failed, Op: "run the editor", Subject: editor, Err: err, Next: "set EDITOR; nothing was changed"}
	}
	return os.ReadFile(file.Name())
}
