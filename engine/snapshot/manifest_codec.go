package snapshot

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// MetadataDir is the folder for everything in a repository that is not a payload. k3s lists its snapshot folder
// recursively and takes each file for a snapshot, save for what lies in folders of this name.
const MetadataDir = ".metadata"

const manifestSuffix = ".holdfast.json"

var (
	// ErrManifest: a manifest's bytes are not what was written.
	ErrManifest = errors.New("the manifest is damaged")
	// ErrSchema: a manifest is whole, and of a format that this version does not know.
	ErrSchema = errors.New("the manifest was written by another version of holdfast")
)

// A manifest is stored as an object of two members whose bytes are fixed: the manifest, and the SHA-256 of the bytes
// of the manifest. So a flipped bit anywhere in the file is noticed, and jq still reads it.
const (
	manifestHead = "{\"manifest\":"
	manifestMid  = ",\n\"sha256\":\""
	manifestTail = "\"}\n"
)

// Encode returns the manifest as it is stored.
func (m *Manifest) Encode() ([]byte, error) { return seal(m) }

func seal(v any) ([]byte, error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	var b bytes.Buffer
	b.WriteString(manifestHead)
	b.Write(body)
	b.WriteString(manifestMid)
	b.WriteString(hex.EncodeToString(sum[:]))
	b.WriteString(manifestTail)
	return b.Bytes(), nil
}

// DecodeManifest reads a stored manifest. It returns ErrManifest when any byte is not what was written.
func DecodeManifest(data []byte) (*Manifest, error) {
	var m Manifest
	if err := unseal(data, &m); err != nil {
		return nil, err
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("%w: it is of %q, this one reads %s", ErrSchema, m.Schema, Schema)
	}
	return &m, nil
}

// unseal reads what seal wrote, and nothing else.
func unseal(data []byte, v any) error {
	const sumLen = 2 * sha256.Size
	fixed := len(manifestHead) + len(manifestMid) + sumLen + len(manifestTail)
	if len(data) < fixed {
		return fmt.Errorf("%w: it is cut short", ErrManifest)
	}
	bodyEnd := len(data) - len(manifestTail) - sumLen - len(manifestMid)
	body := data[len(manifestHead):bodyEnd]
	sum := sha256.Sum256(body)
	want := manifestMid + hex.EncodeToString(sum[:]) + manifestTail
	if !bytes.HasPrefix(data, []byte(manifestHead)) || string(data[bodyEnd:]) != want {
		return fmt.Errorf("%w: its own checksum does not match", ErrManifest)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return nil
}

// NewUploadID returns a random id for one upload.
func NewUploadID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// ManifestName is where the manifest of one upload of a file lies.
func ManifestName(file, uploadID string) string {
	return MetadataDir + "/" + file + "." + uploadID + manifestSuffix
}

// ParseManifestName is the inverse of ManifestName.
func ParseManifestName(name string) (file, uploadID string, ok bool) {
	return parseUploadName(name, manifestSuffix)
}
