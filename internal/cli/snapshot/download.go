package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/byhand"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/download"
)

// downloadView is the JSON form of holdfast snapshot download.
type downloadView struct {
	Snapshot string `json:"snapshot"`
	Path     string `json:"path"`
	Location string `json:"location"`
	Size     int64  `json:"size"`
	// SHA256 of what was written. Verified says that the snapshot's manifest has the same.
	SHA256   string `json:"sha256"`
	Verified bool   `json:"verified"`
}

func newDownload(c *console.Console, flags *manager.Flags) *cobra.Command {
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "download SNAPSHOT",
		Short: "Fetch a snapshot's file from S3, without a key for it",
		Long: `Fetch a snapshot's file from S3, without a key for it: the manager signs a link that works for a few minutes, and the
bytes come from S3 directly. They are compared with the manifest's SHA-256, and a file under the final name is whole. A
download that is cut goes on where it was. A snapshot that lies on a machine alone is not fetched: the answer says where it
is, and exits with 3.

A snapshot holds every Secret of its cluster, so this takes the role holdfast-operator.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(1),
	}
	flags.Add(cmd)
	cmd.Flags().StringVar(&to, "to", ".", "file to write, or directory to put it in")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		s, err := m.Snapshot(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if len(download.Remote(s)) == 0 {
			return onlyLocal(cmd.Context(), m, s)
		}
		link, err := m.Link(cmd.Context(), s)
		if err != nil {
			return err
		}
		path, err := pathFor(to, link.File, force)
		if err != nil {
			return err
		}
		f := &fetch{link: link, again: func(ctx context.Context) (*download.Link, error) { return m.Link(ctx, s) }, console: c}
		view, err := f.into(cmd.Context(), path)
		if err != nil {
			return err
		}
		view.Snapshot = s.Name
		if !view.Verified {
			c.Notef("%s has no manifest that tells its SHA-256: holdfast etcd restore checks the content", link.File)
		}
		return c.Print(console.Result{Value: view, Names: []string{view.Path}, Table: func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s, SHA-256 %s\n", view.Path, console.Bytes(view.Size), view.SHA256)
		}})
	}
	return cmd
}

// pathFor is where the file goes.
func pathFor(to, file string, force bool) (string, error) {
	path := to
	if info, err := os.Stat(to); err == nil && info.IsDir() || strings.HasSuffix(to, "/") {
		path = filepath.Join(to, file)
	}
	_, err := os.Lstat(path)
	switch {
	case err == nil && !force:
		return "", &problem.Error{Kind: problem.Refused, Op: "write", Subject: path, Why: "it is there already", Next: "choose another name with --to, or replace it with --force"}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", problem.File("write", path, "--to", err)
	}
	return path, nil
}

// onlyLocal tells where the bytes are that no link leads to.
func onlyLocal(ctx context.Context, m *manager.Manager, s *v1alpha1.EtcdSnapshot) error {
	chosen := byhand.BestCopy(s)
	if chosen == nil {
		return &problem.Error{Kind: problem.NotFound, Op: "find", Subject: "a copy of " + s.Name, Why: "none is left that could be restored"}
	}
	host := chosen.Machine
	machine := &v1alpha1.Machine{}
	machine.Namespace, machine.Name = s.Namespace, host
	if err := m.Get(ctx, machine); err == nil && len(machine.Status.Addresses) > 0 {
		host = machine.Status.Addresses[0]
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "download", Subject: s.Spec.File,
		Why:  "it lies on machine " + chosen.Machine + " alone, and only S3 can hand it out",
		Next: copyCommand(chosen, host) + " fetches it; with spec.etcd.s3 of the Cluster the next ones are in S3 too",
	}
}

func copyCommand(c *v1alpha1.SnapshotCopy, host string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("scp 'root@%s:%s' .", host, strings.TrimPrefix(c.Location, "file://"))
}
