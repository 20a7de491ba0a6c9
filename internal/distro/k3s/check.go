package k3s

import (
	"bytes"
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
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
	// read: the snapshot was there to be read. encrypted says whether there are encrypted Secrets in it.
	read, encrypted bool
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
	h.encrypted, err = encrypted(ctx, db)
	return h, err
}

const secretsPrefix = "/registry/secrets/"

// sealMark begins what an API server has encrypted.
var sealMark = []byte("k8s:enc:")

var errFound = errors.New("found")

// encrypted says whether a database holds Secrets that an API server has encrypted.
func encrypted(ctx context.Context, db *mvcc.File) (bool, error) {
	err := db.Live(ctx, []byte(secretsPrefix), func(r mvcc.Record) error {
		if bytes.HasPrefix(r.Value, sealMark) {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
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

func (r *reset) checkEncryption(h held) distro.Check {
	check := distro.Check{Name: "SecretsEncryption", Message: "the server encrypts Secrets as the snapshot's did"}
	switch {
	case h.encrypted && !r.node.encryptsSecrets():
		check.Warning = true // the restore may bring a configuration that turns it on
		check.Err = r.plain(nil)
	case !h.encrypted:
		check.Message = "no Secret in the snapshot is encrypted"
	}
	return check
}
