package k3s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s/config"
)

// own are the flags that say which machine this is, where it lies, and whom it joins. They stay as they are, set or not,
// whatever a snapshot says: it may be of another machine, or of before this one had its addresses. Which server is joined
// is Point's to say, and the token is what the cluster has now unless another one is given.
var own = []string{
	"node-name", "with-node-id", "node-ip", "node-external-ip", "node-internal-dns", "node-external-dns", "advertise-address",
	"bind-address", "tls-san", "flannel-iface", "data-dir", "https-listen-port", "server", "cluster-init", "token-file", "agent-token-file",
}

// staged is beside a file what will take its place: complete, since it has that name only then.
const staged = ".holdfast-new"

// Configure implements distro.Kubernetes. The new file holds all; the drop-ins go. What is half done is finished from the new
// file alone, because what this machine had of its own may already be gone from the others.
func (d *Driver) Configure(ctx context.Context, snapshot json.RawMessage, secrets map[string]string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	return n.configure(snapshot, secrets)
}

func (n *node) configure(snapshot json.RawMessage, secrets map[string]string) error {
	if !n.exists(n.configFile() + staged) {
		flags, err := n.merged(snapshot, secrets)
		if err != nil {
			return err
		}
		if err := n.stageConfig(flags); err != nil {
			return err
		}
	}
	if err := n.replaceConfig(); err != nil {
		return fmt.Errorf("replace the configuration: %w", err)
	}
	return nil
}

// Configurable implements distro.Kubernetes.
func (d *Driver) Configurable(ctx context.Context, snapshot json.RawMessage, secrets map[string]string) ([]string, error) {
	n, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	wanted, err := n.wanted(snapshot, secrets)
	if err != nil {
		return nil, err
	}
	changes := n.differences(wanted)
	_, err = n.behindCommandLine(wanted)
	return changes, err
}

// merged is what the file has to say so that the machine is configured as the snapshot's was: flag → values.
func (n *node) merged(snapshot json.RawMessage, secrets map[string]string) (map[string][]string, error) {
	wanted, err := n.wanted(snapshot, secrets)
	if err != nil {
		return nil, err
	}
	return n.behindCommandLine(wanted)
}

// wanted is how the machine is configured afterwards: flag → values.
func (n *node) wanted(snapshot json.RawMessage, secrets map[string]string) (map[string][]string, error) {
	wanted, err := carried(snapshot)
	if err != nil {
		return nil, err
	}
	for _, flag := range own {
		delete(wanted, flag)
		if values := n.present(flag); len(values) > 0 {
			wanted[flag] = values
		}
	}
	return wanted, n.reveal(wanted, secrets)
}

// carried reads a configuration as a snapshot carries it.
func carried(snapshot json.RawMessage) (map[string][]string, error) {
	var raw map[string]any
	if err := json.Unmarshal(snapshot, &raw); err != nil {
		return nil, fmt.Errorf("read the snapshot's configuration: %w", err)
	}
	flags := map[string][]string{}
	for flag, value := range raw {
		if slices.Contains(momentary, flag) {
			continue
		}
		list, many := value.([]any)
		if !many {
			list = []any{value}
		}
		for _, one := range list {
			text := ""
			if one != nil {
				text = fmt.Sprint(one)
			}
			flags[flag] = append(flags[flag], text)
		}
	}
	return flags, nil
}

// present are the values that a flag has on this machine now.
func (n *node) present(flag string) []string {
	value, set := n.config.Lookup(flag)
	values := n.config.List(flag)
	if len(values) == 0 && set {
		return []string{value} // empty, which takes back what the environment says
	}
	return values
}

// reveal puts values in the place of what a snapshot does not carry.
func (n *node) reveal(flags map[string][]string, secrets map[string]string) error {
	var missing []string
	for _, flag := range slices.Sorted(maps.Keys(flags)) {
		have := n.present(flag)
		for i, value := range flags[flag] {
			secret, given := secrets[flag]
			switch {
			case value != Redacted:
			case given:
				flags[flag][i] = secret
			case len(have) == len(flags[flag]):
				flags[flag][i] = have[i]
			case len(flags[flag]) == 1 && len(have) > 0:
				flags[flag][i] = have[len(have)-1]
			default:
				missing = append(missing, flag)
			}
		}
	}
	if missing = slices.Compact(missing); len(missing) == 0 {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "restore the configuration of", Subject: n.configFile(),
		Why:  "a snapshot carries no secrets, and this machine has no value for " + strings.Join(missing, ", "),
		Next: "set them in the present configuration, or restore without the configuration",
	}
}

// behindCommandLine takes out what the unit's command line will add to the file by itself, and refuses what it would say
// against it.
func (n *node) behindCommandLine(flags map[string][]string) (map[string][]string, error) {
	line, err := config.Read(config.Invocation{Args: n.command.Args, Prefix: n.flavour.Env, File: n.flavour.ConfigFile()}, nothing{})
	if err != nil {
		return nil, err
	}
	var against []string
	for _, flag := range line.Flags() {
		if slices.Contains(momentary, flag) {
			continue
		}
		given, wanted := line.List(flag), flags[flag]
		from := len(wanted) - len(given)
		switch {
		case from >= 0 && slices.Equal(wanted[from:], given):
			flags[flag] = wanted[:from]
		case len(wanted) > 0 || !slices.Contains(own, flag):
			against = append(against, "--"+flag)
		}
	}
	if len(against) == 0 {
		return flags, nil
	}
	return nil, &problem.Error{
		Kind: problem.Refused, Op: "restore the configuration of", Subject: n.unit.String(),
		Why:  "its command line says otherwise, and beats every file: " + strings.Join(against, ", "),
		Next: "take them out of the unit and write them into " + n.configFile() + ", or restore without the configuration",
	}
}

// stageConfig writes the new file beside the old one. It holds secrets.
func (n *node) stageConfig(flags map[string][]string) error {
	text, err := config.Render(flags)
	if err != nil {
		return err
	}
	path := n.at(n.configFile())
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	const head = "# Written by holdfast-agent: the configuration of the snapshot that this machine was restored to.\n"
	return durable.WriteFile(path+staged, append([]byte(head), text...), 0o600)
}

// replaceConfig removes the drop-ins and puts the new file in the place of the old one.
func (n *node) replaceConfig() error {
	paths, err := config.Paths(os.DirFS(n.root), n.configFile())
	if err != nil {
		return err
	}
	for _, path := range paths[1:] {
		if err := durable.Remove(n.at(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.Rename(n.at(n.configFile())+staged, n.at(n.configFile()))
}

// nothing is a file system without files.
type nothing struct{}

// Open implements fs.FS.
func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
