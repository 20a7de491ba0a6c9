package k3s

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

var _ distro.Checker = (*Driver)(nil)

// CheckRestore implements distro.Checker. What a manifest says is enough where the snapshot has not been fetched yet.
func (d *Driver) CheckRestore(ctx context.Context, cfg distro.RestoreConfig) []distro.Check {
	n, err := d.look(ctx)
	if err != nil {
		return []distro.Check{{Name: "EmbeddedEtcd", Err: err}}
	}
	embedded := distro.Check{Name: "EmbeddedEtcd", Message: "the server keeps its objects in its own etcd"}
	if _, why := n.datastore(); why != nil {
		embedded.Err = n.refuse(why)
		return []distro.Check{embedded}
	}
	r := &reset{driver: d, node: n, cfg: cfg}
	return append([]distro.Check{embedded}, r.checks(ctx)...)
}

// checks look at what the snapshot holds.
func (r *reset) checks(ctx context.Context) []distro.Check {
	held, err := r.held(ctx)
	if err != nil {
		return []distro.Check{{Name: "TokenMatches", Err: err}}
	}
	checks := []distro.Check{r.checkToken(held)}
	if held.read {
		checks = append(checks, r.checkEncryption(held))
	}
	return checks
}

// held is what a snapshot holds that the machine must fit to.
type held struct {
	// sealed are the digests of the tokens that open it; none when nobody knows yet.
	sealed []string
	// read: the snapshot was there to be read.
	read bool
	// opened: its keys could be looked at, too. brings: those of Secrets are among them.
	opened, brings bool
	secrets        secrets
}

// held reads the snapshot, or without it what its manifest says.
func (r *reset) held(ctx context.Context) (held, error) {
	if r.cfg.File == "" {
		if m := r.cfg.Manifest; m != nil && m.TokenDigest != "" {
			return held{sealed: []string{m.TokenDigest}}, nil
		}
		return held{}, nil
	}
	db, closeDB, err := r.database(ctx)
	if err != nil {
		return held{}, err
	}
	defer closeDB()
	h := held{read: true}
	if h.sealed, err = SealedWith(ctx, db); err != nil {
		return h, err
	}
	with, err := r.keysIn(ctx, db, &h)
	if err != nil {
		return h, err
	}
	h.secrets, err = survey(ctx, db, with, r.ownKeys())
	return h, err
}

// keysIn are the keys of Secrets that come with a snapshot. Without its token, or where they are not sealed as is known here,
// nothing is said of them: the reset itself has the last word.
func (r *reset) keysIn(ctx context.Context, db *mvcc.File, h *held) (keyring, error) {
	token, err := r.node.tokenFor(r.cfg.TokenFile)
	if err != nil || !slices.Contains(h.sealed, TokenDigest(token)) {
		return nil, nil //nolint:nilerr // TokenMatches says so
	}
	files, err := bootstrapFiles(ctx, db, token)
	if err != nil {
		return nil, ctx.Err()
	}
	h.opened, h.brings = true, len(files[fileEncryption]) > 0
	if !h.brings {
		return nil, nil
	}
	ring, err := readKeyring(files[fileEncryption])
	h.opened = err == nil
	return ring, nil
}

// encryptionFiles are a server's keys of Secrets, and at which stage of a rotation they are.
var encryptionFiles = []string{"encryption-config.json", "encryption-state.json"}

// credentials is where the machine's own lie: in their place, or aside while it is restored.
func (r *reset) credentials() string {
	dir := r.node.serverDir("cred")
	if r.cfg.Aside != nil {
		dir = r.cfg.Aside(dir)
	}
	return dir
}

// ownKeys are the machine's own keys of Secrets; none when it has none that could be read.
func (r *reset) ownKeys() keyring {
	data, err := r.node.readFile(filepath.Join(r.credentials(), encryptionFiles[0]))
	if err != nil {
		return nil
	}
	ring, _ := readKeyring(data)
	return ring
}

func (r *reset) checkToken(h held) distro.Check {
	check := distro.Check{Name: "TokenMatches"}
	token, err := r.node.tokenFor(r.cfg.TokenFile)
	switch {
	case err != nil:
		check.Err = err
	case len(h.sealed) == 0:
		check.Message = "not known before the snapshot has been fetched"
	default:
		check.Err = r.opens(token, h.sealed)
		check.Message = "the token (digest " + TokenDigest(token) + ") opens the snapshot's keys"
	}
	if check.Err == nil && len(h.sealed) > 0 && r.cfg.TokenFile == "" {
		// One that was given is written into the configuration: see Point. The restore may bring one with the right token, too.
		check.Err = r.node.keeps(token)
		check.Warning = check.Err != nil
	}
	return check
}

// checkEncryption says whether the Secrets of a snapshot can be read after a restore: a server that can't lists none, and
// never gets ready.
func (r *reset) checkEncryption(h held) distro.Check {
	check := distro.Check{Name: "SecretsEncryption"}
	s := h.secrets
	switch {
	case s.sealed == 0 && r.node.encryptsSecrets():
		check.Message = "no Secret in the snapshot is encrypted; the server encrypts each when it is written again"
	case s.sealed == 0:
		check.Message = "no Secret in the snapshot is encrypted"
	case !r.node.encryptsSecrets():
		check.Warning = true // the restore may bring a configuration that turns it on
		check.Err = r.plain(nil)
	case !h.opened || s.foreign > 0 || r.node.encryptsOtherwise():
		check.Message = "the server encrypts Secrets as the snapshot's did"
	case s.lost == 0:
		check.Message = fmt.Sprintf("the keys in the snapshot open its Secrets (%d)", s.sealed)
	case h.lacksKept():
		check.Message = fmt.Sprintf("the keys of its Secrets are not in the snapshot: the machine's own open them (%d) and stay. "+
			"To have them in snapshots to come, run %s secrets-encrypt rotate-keys afterwards", s.sealed, r.node.flavour.Name)
	default:
		check.Err = r.lost(h)
	}
	return check
}

// lacksKept says whether a snapshot comes without keys of Secrets and the machine has them. So it is where a server that ran
// was told to encrypt: it makes a key, and puts it on its disk alone.
func (h held) lacksKept() bool {
	return h.opened && !h.brings && h.secrets.lost > 0 && h.secrets.kept == h.secrets.lost
}

// encryptsOtherwise: the API server is given keys that the distribution knows nothing of.
func (n *node) encryptsOtherwise() bool {
	return slices.ContainsFunc(n.config.List("kube-apiserver-arg"), func(arg string) bool {
		return strings.HasPrefix(strings.TrimLeft(arg, "-"), "encryption-provider-config=")
	})
}

// lost refuses a snapshot whose Secrets nobody could read.
func (r *reset) lost(h held) error {
	e := &problem.Error{
		Kind: problem.Refused, Op: "restore", Subject: r.cfg.File,
		Why: fmt.Sprintf("%d of its %d encrypted Secrets (%s is one) are encrypted with a key that it does not hold, so that the API server could not list them",
			h.secrets.lost, h.secrets.sealed, h.secrets.first),
		Next: "restore another snapshot: this one was taken while " + r.node.flavour.Name + " changed its keys",
	}
	if !h.brings {
		e.Next = "put the " + encryptionFiles[0] + " of that time, which the snapshot's escrow has, into " + r.node.serverDir("cred")
	}
	return e
}
