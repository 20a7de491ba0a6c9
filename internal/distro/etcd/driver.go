// Package etcd drives a plain etcd: one under a systemd unit, or one that the agent supervises itself where there is no
// systemd.
//
// What the unit says is read as systemd and etcd would read it: command line, environment, environment files and etcd's
// own config file. What the cluster's configuration names wins over that. The package writes nothing but the fence, which
// is a drop-in of the unit and a file in the agent's state directory.
//
// Start reading at [New].
package etcd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/supervise"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// Config says which etcd is driven.
type Config struct {
	// Etcd is the cluster's configuration: unit, directories, endpoint, certificates. All may be empty.
	Etcd v1alpha1.EtcdConfig
	// StateDir is the agent's, where the fence stands.
	StateDir string
	// Supervisor runs etcd in place of systemd; nil where systemd does.
	Supervisor *supervise.Supervisor
}

// Driver implements distro.Driver.
type Driver struct {
	cfg   Config
	fence fence
	service
}

var _ distro.Driver = (*Driver)(nil)

// service is what runs etcd.
type service interface {
	// invocation says how etcd is started.
	invocation(ctx context.Context) (invocation, error)
	running(ctx context.Context) (bool, error)
	stop(ctx context.Context) error
	start(ctx context.Context) error
	// bar and unbar make whatever runs etcd obey the fence file. They are durable.
	bar(ctx context.Context) error
	unbar(ctx context.Context) error
}

const defaultUnit = "etcd.service"

// New returns a driver. It touches nothing.
func New(cfg Config) *Driver {
	d := &Driver{cfg: cfg, fence: fence{dir: cfg.StateDir}}
	if cfg.Supervisor != nil {
		d.service = supervised{cfg.Supervisor}
	} else {
		d.service = unit{systemd.Unit{Name: cmp.Or(cfg.Etcd.Unit, defaultUnit), Root: "/"}, d.fence}
	}
	return d
}

// Shape implements distro.Driver.
func (d *Driver) Shape() distro.Shape { return distro.AllMembers }

// Discover implements distro.Driver.
func (d *Driver) Discover(ctx context.Context) (*distro.Installation, error) {
	inv, err := d.invocation(ctx)
	if err != nil {
		return nil, err
	}
	s, err := inv.settings(os.ReadFile)
	if err != nil {
		return nil, err
	}
	digest, err := json.Marshal(s) // in the order of the names
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(digest)
	version, _ := programVersion(ctx, inv.program) // a program that can't be asked is no reason to know nothing else
	return &distro.Installation{
		Version: version,
		DataDir: cmp.Or(d.cfg.Etcd.DataDir, s["data-dir"]), WALDir: cmp.Or(d.cfg.Etcd.WALDir, s["wal-dir"]),
		Member: s["name"], PeerURLs: splitURLs(s["initial-advertise-peer-urls"]),
		InitialCluster: s["initial-cluster"], InitialClusterToken: s["initial-cluster-token"],
		Client: s.client(d.cfg.Etcd), ConfigDigest: hex.EncodeToString(sum[:]), Owner: ownerOf(inv.user, inv.group),
	}, nil
}

// versionTimeout bounds a program that is asked for its version.
const versionTimeout = 10 * time.Second

var versionLine = regexp.MustCompile(`(?m)^etcd Version: *([0-9][^\s]*)`)

func programVersion(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = []string{} // ETCD_… variables would be taken for settings
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	found := versionLine.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("ask %s for its version: it does not tell", program)
	}
	return string(found[1]), nil
}

// Running implements distro.Driver.
func (d *Driver) Running(ctx context.Context) (bool, error) { return d.running(ctx) }

// Stop implements distro.Driver.
func (d *Driver) Stop(ctx context.Context) error { return d.stop(ctx) }

// Start implements distro.Driver.
func (d *Driver) Start(ctx context.Context) error {
	fenced, err := d.Fenced()
	if err != nil {
		return err
	}
	if fenced {
		return fmt.Errorf("start etcd: %w", distro.ErrFenced)
	}
	return d.start(ctx)
}

// Fence implements distro.Driver. The file comes first: what obeys it already does so from that moment on.
func (d *Driver) Fence(ctx context.Context) error {
	if err := durable.WriteFile(d.fence.path(), []byte("holdfast\n"), 0o644); err != nil {
		return fmt.Errorf("write the fence: %w", err)
	}
	return d.bar(ctx)
}

// Unfence implements distro.Driver.
func (d *Driver) Unfence(ctx context.Context) error {
	if err := d.fence.remove(); err != nil {
		return fmt.Errorf("remove the fence: %w", err)
	}
	return d.unbar(ctx)
}

// Fenced implements distro.Driver.
func (d *Driver) Fenced() (bool, error) { return d.fence.up() }
