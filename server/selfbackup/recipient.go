package selfbackup

import (
	"errors"
	"strings"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/secretfile"
)

// Recipients reads who may open backups: age public keys, or whoever knows the passphrase in a file. Exactly one of the
// two must be given.
func Recipients(keys []string, passphraseFile string) ([]age.Recipient, error) {
	if (len(keys) > 0) == (passphraseFile != "") {
		return nil, &problem.Error{
			Kind: problem.Usage, Op: "encrypt the manager's backups", Why: "it takes recipients or a passphrase, one of the two",
			Next: "give --backup-recipient age1…, made with age-keygen, or --backup-passphrase-file",
		}
	}
	if passphraseFile != "" {
		passphrase, err := readSecret("the passphrase", passphraseFile, "--backup-passphrase-file")
		if err != nil {
			return nil, err
		}
		recipient, err := age.NewScryptRecipient(passphrase)
		return []age.Recipient{recipient}, err
	}
	var all []age.Recipient
	for _, key := range keys {
		recipient, err := age.ParseX25519Recipient(key)
		if err != nil {
			// It may be a secret key by mistake: neither it nor the cause, which quotes it, is repeated.
			return nil, &problem.Error{Kind: problem.Usage, Op: "read --backup-recipient", Why: "one of them is no age public key", Next: "a recipient is the public key that age-keygen prints: age1…"}
		}
		all = append(all, recipient)
	}
	return all, nil
}

// Identities reads what opens backups: a file with age identities, or one with the passphrase.
func Identities(identityFile, passphraseFile string) ([]age.Identity, error) {
	if (identityFile != "") == (passphraseFile != "") {
		return nil, &problem.Error{
			Kind: problem.Usage, Op: "open the manager's backup", Why: "it takes an identity or a passphrase, one of the two",
			Next: "give --identity-file, with the AGE-SECRET-KEY-… whose public key is a recipient, or --passphrase-file",
		}
	}
	if passphraseFile != "" {
		passphrase, err := readSecret("the passphrase", passphraseFile, "--passphrase-file")
		if err != nil {
			return nil, err
		}
		identity, err := age.NewScryptIdentity(passphrase)
		return []age.Identity{identity}, err
	}
	text, err := readSecret("the identity", identityFile, "--identity-file")
	if err != nil {
		return nil, err
	}
	all, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("read " + identityFile + ": it holds no age identity") // the cause would quote a line of it
	}
	return all, nil
}

// readSecret reads a file that must be its owner's alone, without the line end.
func readSecret(what, path, flag string) (string, error) {
	text, err := secretfile.Read(what, path, flag)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", &problem.Error{Kind: problem.Usage, Op: "read " + what, Subject: path, Why: "it is empty"}
	}
	return secret, nil
}
