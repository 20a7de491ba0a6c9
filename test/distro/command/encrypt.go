package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-dev/holdfast/test/distro/encryption"
	"github.com/holdfast-dev/holdfast/test/distro/peer"
	"github.com/holdfast-dev/holdfast/test/distro/supervisor"
)

func (p *program) encryptFlags() []cli.Flag {
	return append(p.common(),
		p.text("server", fmt.Sprintf("https://127.0.0.1:%d", p.flavor.SupervisorPort), "", "s"), p.text("token", "", "", "t"),
		&cli.BoolFlag{Name: "force"}, &cli.BoolFlag{Name: "skip"})
}

func (p *program) encryptCommands() []*cli.Command {
	change := func(name, stage, said string) *cli.Command {
		return &cli.Command{Name: name, Flags: p.encryptFlags(), Action: func(c *cli.Context) error {
			return p.encrypt(c, supervisor.EncryptionRequest{Stage: &stage, Force: c.Bool("force"), Skip: c.Bool("skip")}, said)
		}}
	}
	toggle := func(name string, enable bool) *cli.Command {
		return &cli.Command{Name: name, Flags: p.encryptFlags(), Action: func(c *cli.Context) error {
			return p.encrypt(c, supervisor.EncryptionRequest{Enable: &enable}, "secrets-encryption "+name+"d")
		}}
	}
	return []*cli.Command{
		{Name: "status", Flags: p.encryptFlags(), Action: p.encryptStatus},
		toggle("enable", true), toggle("disable", false),
		change("prepare", encryption.Prepare, "prepare completed successfully"), change("rotate", encryption.Rotate, "rotate completed successfully"),
		change("reencrypt", encryption.Active, "reencryption started"), change("rotate-keys", "rotate_keys", "keys rotated, reencryption finished"),
	}
}

// ask sends a request to a server; nil asks how it is.
func (p *program) askEncryption(c *cli.Context, path string, request, into any) error {
	ctx, cancel := context.WithTimeout(c.Context, 5*time.Minute)
	defer cancel()
	text := c.String("token")
	if text == "" {
		data, err := os.ReadFile(filepath.Join(p.dataDir(c), "server", "token"))
		if err != nil {
			return err
		}
		text = strings.TrimSpace(string(data))
	}
	client, err := peer.Dial(ctx, c.String("server"), "server", text, p.log)
	if err != nil {
		return err
	}
	return client.Do(ctx, p.flavor.Path("encrypt/"+path), nil, request, into)
}

func (p *program) encrypt(c *cli.Context, request supervisor.EncryptionRequest, said string) error {
	if c.NArg() > 0 {
		return errArguments
	}
	var nothing struct{}
	if err := p.askEncryption(c, "config", request, &nothing); err != nil {
		return fmt.Errorf("see server log for details: %w", err)
	}
	fmt.Println(said)
	return nil
}

func (p *program) encryptStatus(c *cli.Context) error {
	var state supervisor.EncryptionState
	if err := p.askEncryption(c, "status", nil, &state); err != nil {
		return fmt.Errorf("see server log for details: %w", err)
	}
	if state.Enable == nil {
		fmt.Println("Encryption Status: Disabled, no configuration file found")
		return nil
	}
	status := map[bool]string{true: "Enabled", false: "Disabled"}[*state.Enable]
	hashes := "All hashes match"
	if !state.HashMatch {
		hashes = state.HashError
	}
	fmt.Printf("Encryption Status: %s\nCurrent Rotation Stage: %s\nServer Encryption Hashes: %s\n\n", status, state.Stage, hashes)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "Active\tKey Type\tName\n------\t--------\t----\n")
	row := func(mark, key string) {
		kind, name, _ := strings.Cut(key, " ")
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, kind, name)
	}
	if state.ActiveKey != "" {
		row(" *", state.ActiveKey)
	}
	for _, key := range state.InactiveKeys {
		row("", key)
	}
	return w.Flush()
}
