// Package escrow holds what a restore needs besides etcd's data and no snapshot carries: the cluster's token, the secret
// values of its configuration, certificates and keys. It is encrypted with age to the cluster's recipients on the machine
// where it is read; nothing of it ever lies anywhere in the clear, and Holdfast itself can't open it.
//
// Sealed it is an age file with a tar in it, so that stock tools open it: age --decrypt -i identity FILE | tar -x.
//
//	token                  the cluster's token
//	config-secrets.json    the values that the configuration in the manifest has redacted, by key
//	files/var/lib/…        files by their path
//
// The package knows no distribution. Start reading at [Content].
package escrow

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
)

// Content is what is put into escrow.
type Content struct {
	// Token that the machines of the cluster know each other by.
	Token string
	// Secrets of the configuration, by key.
	Secrets map[string]string
	Files   []File
}

// File is a file of the machine.
type File struct {
	// Path is absolute.
	Path string
	Mode fs.FileMode
	Data []byte
}

const (
	tokenName   = "token"
	secretsName = "config-secrets.json"
	filesDir    = "files"
)

var errRecipients = errors.New("seal the escrow: a recipient is no age public key")

// ErrTooLarge: an escrow holds more than it is made for.
var ErrTooLarge = errors.New("it is larger than an escrow may be")

// Seal encrypts the content to all of the recipients, which are age public keys.
func Seal(c *Content, recipients []string) ([]byte, error) {
	to, err := age.ParseRecipients(strings.NewReader(strings.Join(recipients, "\n")))
	if err != nil {
		return nil, errRecipients // the cause quotes what may be a secret key by mistake
	}
	var out bytes.Buffer
	sealed, err := age.Encrypt(&out, to...)
	if err != nil {
		return nil, fmt.Errorf("seal the escrow: %w", err)
	}
	if err := errors.Join(c.pack(sealed), sealed.Close()); err != nil {
		return nil, fmt.Errorf("seal the escrow: %w", err)
	}
	if out.Len() > repository.MaxEscrow {
		return nil, fmt.Errorf("seal the escrow: %w", ErrTooLarge)
	}
	return out.Bytes(), nil
}

func (c *Content) pack(w io.Writer) error {
	t := tar.NewWriter(w)
	add := func(name string, mode fs.FileMode, data []byte) error {
		err := t.WriteHeader(&tar.Header{Name: name, Mode: int64(mode.Perm()), Size: int64(len(data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX})
		if err == nil {
			_, err = t.Write(data)
		}
		return err
	}
	secrets, err := json.MarshalIndent(c.Secrets, "", "  ")
	if err != nil {
		return err
	}
	if err := errors.Join(add(tokenName, 0o600, []byte(c.Token+"\n")), add(secretsName, 0o600, append(secrets, '\n'))); err != nil {
		return err
	}
	for _, f := range c.Files {
		if err := add(path.Join(filesDir, f.Path), f.Mode, f.Data); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return t.Close()
}

// Identities reads age identities: the lines that age-keygen prints.
//
// An error does not show what was read: it would be part of a key.
func Identities(text string) ([]age.Identity, error) {
	all, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return nil, &problem.Error{Kind: problem.Usage, Op: "read the age identity", Why: "it is none", Next: `give what age-keygen wrote: a line that begins with "AGE-SECRET-KEY-1"`}
	}
	return all, nil
}

// Recipients are whom the identities let read, as [Seal] takes them. An identity that does not tell has none.
func Recipients(identities []age.Identity) []string {
	var all []string
	for _, identity := range identities {
		switch i := identity.(type) {
		case *age.X25519Identity:
			all = append(all, i.Recipient().String())
		case *age.HybridIdentity:
			all = append(all, i.Recipient().String())
		}
	}
	return all
}

// Open decrypts what Seal wrote. It refuses with a problem when none of the identities fits, and when the bytes are not what
// was sealed.
func Open(sealed []byte, identities []age.Identity) (*Content, error) {
	plain, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	var nobody *age.NoIdentityMatchError
	switch {
	case errors.As(err, &nobody):
		return nil, &problem.Error{
			Kind: problem.Denied, Op: "open the escrow", Why: "it was sealed for somebody else",
			Next: "give the identity of one of the cluster's escrowRecipients at the time of the snapshot",
		}
	case err != nil:
		return nil, damaged(err)
	}
	c, err := unpack(io.LimitReader(plain, repository.MaxEscrow))
	if err != nil {
		return nil, damaged(err)
	}
	return c, nil
}

func damaged(err error) error {
	return &problem.Error{Kind: problem.Damaged, Op: "open the escrow", Err: err, Next: "take that of another copy, or of another snapshot"}
}

func unpack(r io.Reader) (*Content, error) {
	c := &Content{}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			// The end of the tar is not the end of what is sealed: only there age knows that nothing was cut off.
			_, err = io.Copy(io.Discard, r)
			return c, err
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		if err := c.take(h, data); err != nil {
			return nil, err
		}
	}
}

func (c *Content) take(h *tar.Header, data []byte) error {
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%s is no file", h.Name)
	case h.Name == tokenName:
		c.Token = strings.TrimSuffix(string(data), "\n")
	case h.Name == secretsName:
		return json.Unmarshal(data, &c.Secrets)
	case strings.HasPrefix(h.Name, filesDir+"/") && path.Clean(h.Name) == h.Name:
		c.Files = append(c.Files, File{Path: strings.TrimPrefix(h.Name, filesDir), Mode: fs.FileMode(h.Mode).Perm(), Data: data})
	}
	return nil // what a newer version adds is of no use to this one
}
