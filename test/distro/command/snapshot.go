package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/distro/peer"
	"github.com/holdfast-dev/holdfast/test/distro/record"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// requestTimeout is how long the server may take, and then what S3 may.
const requestTimeout = 2 * time.Minute

var errArguments = errors.New("this command does not take any arguments")

func (p *program) snapshotFlags() []cli.Flag {
	return append(append(p.common(),
		p.text("etcd-token", "", "", "t"), p.text("etcd-server", fmt.Sprintf("https://127.0.0.1:%d", p.flavor.SupervisorPort), "", "s"),
		p.text("name", "on-demand", ""), p.text("dir", "", "", "etcd-snapshot-dir"),
		p.yes("snapshot-compress", "", "etcd-snapshot-compress"),
		&cli.IntFlag{Name: "snapshot-retention", Aliases: []string{"etcd-snapshot-retention"}, Value: 5},
	), p.s3Flags("etcd-s3", "s3")...)
}

func (p *program) snapshotCommands() []*cli.Command {
	output := p.text("output", "", "", "o")
	return []*cli.Command{
		{Name: "save", Usage: "Trigger an immediate etcd snapshot", Flags: p.snapshotFlags(), Action: p.save},
		{Name: "delete", Usage: "Delete given snapshot(s)", Flags: p.snapshotFlags(), Action: p.delete},
		{Name: "ls", Aliases: []string{"list", "l"}, Usage: "List snapshots", Flags: append(p.snapshotFlags(), output), Action: p.list},
		{Name: "prune", Usage: "Remove snapshots that match the name prefix that exceed the configured retention count", Flags: p.snapshotFlags(), Action: p.prune},
	}
}

// request says what the flags say. The session token is left out, as in the real one.
func (p *program) request(c *cli.Context, operation string) snapshot.Request {
	r := snapshot.Request{Operation: operation}
	if c.IsSet("dir") {
		dir := c.String("dir")
		r.Dir = &dir
	}
	if c.IsSet("snapshot-compress") {
		compress := c.Bool("snapshot-compress")
		r.Compress = &compress
	}
	if c.IsSet("snapshot-retention") {
		retention := c.Int("snapshot-retention")
		r.Retention = &retention
	}
	if c.Bool("s3") {
		r.S3 = s3(c, "s3")
		r.S3.SessionToken = ""
	}
	return r
}

func (p *program) ask(c *cli.Context, r snapshot.Request, into any) error {
	timeout := requestTimeout
	if r.S3 != nil {
		timeout += r.S3.Timeout
	}
	ctx, cancel := context.WithTimeout(c.Context, timeout)
	defer cancel()
	text := c.String("etcd-token")
	if text == "" {
		data, err := os.ReadFile(filepath.Join(p.dataDir(c), "server", "token"))
		if err != nil {
			return err
		}
		text = strings.TrimSpace(string(data))
	}
	client, err := peer.Dial(ctx, c.String("etcd-server"), "server", text, p.log)
	if err != nil {
		return err
	}
	err = client.Do(ctx, "/db/snapshot", nil, r, into)
	var status *peer.StatusError
	switch {
	case errors.As(err, &status):
		return fmt.Errorf("see server log for details: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	default:
		return err
	}
}

// save always sends the retention 0: it never prunes, whatever is asked.
func (p *program) save(c *cli.Context) error {
	if c.NArg() > 0 {
		return errArguments
	}
	r := p.request(c, "save")
	none := 0
	r.Retention, r.Name = &none, []string{c.String("name")}
	if r.S3 != nil {
		r.S3.Retention = 0
	}
	var response snapshot.Response
	if err := p.ask(c, r, &response); err != nil {
		return err
	}
	for _, name := range response.Created {
		p.log.Infof("Snapshot %s saved.", name)
	}
	return nil
}

func (p *program) delete(c *cli.Context) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		return errors.New("no snapshots given for removal")
	}
	r := p.request(c, "delete")
	r.Name = names
	var response snapshot.Response
	if err := p.ask(c, r, &response); err != nil {
		return err
	}
	p.deleted(response)
	for _, name := range names {
		if !slices.Contains(response.Deleted, name) {
			p.log.Warnf("Snapshot %s not found.", name)
		}
	}
	return nil
}

func (p *program) deleted(response snapshot.Response) {
	for _, name := range response.Deleted {
		p.log.Infof("Snapshot %s deleted.", name)
	}
}

func (p *program) prune(c *cli.Context) error {
	if c.NArg() > 0 {
		return errArguments
	}
	r := p.request(c, "prune")
	r.Name = []string{c.String("name")}
	var response snapshot.Response
	if err := p.ask(c, r, &response); err != nil {
		return err
	}
	p.deleted(response)
	return nil
}

func (p *program) list(c *cli.Context) error {
	if c.NArg() > 0 {
		return errArguments
	}
	output := c.String("output")
	if !slices.Contains([]string{"", "table", "json", "yaml"}, output) {
		return fmt.Errorf("invalid output format: %s", output)
	}
	var list record.List
	if err := p.ask(c, p.request(c, "list"), &list); err != nil {
		return err
	}
	return show(list, output)
}

func show(list record.List, output string) error {
	switch output {
	case "json":
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "    ")
		return enc.Encode(list)
	case "yaml":
		data, err := yaml.Marshal(list)
		if err == nil {
			_, err = os.Stdout.Write(data)
		}
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "Name\tLocation\tSize\tCreated\n")
	for _, f := range list.Items {
		size, err := record.Bytes(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", f.Spec.SnapshotName, f.Spec.Location, size, f.Status.CreationTime)
	}
	return w.Flush()
}
